"""Connections whose far end stops reading: little is gathered for them, and the kernel closes them."""

from __future__ import annotations

import socket
import sys

SEND_BUFFER_BYTES = 256 * 1024
"""Else Linux gathers up to 4 MiB of text for whoever does not read it."""


def drop_stalled_readers(listener: socket.socket, stall_s: float) -> None:
    """Has the connections that `listener` accepts closed once their far end has taken no data for `stall_s` seconds.

    Only data that waits counts: an idle connection lives on. Systems other than Linux have no such option; there
    it lasts until TCP gives up, but Server B drops the call.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(1, int(stall_s * 1000)))
