"""Closes connections whose client stops reading, and buffers little for them."""

from __future__ import annotations

import socket
import sys

SEND_BUFFER_BYTES = 256 * 1024
"""Otherwise Linux buffers up to 4 MiB of text for a client that does not read it."""
UNSENT_BYTES = 16 * 1024
"""How much of it may be unsent. For a client that reads, the rest of the buffer is in transit."""


def drop_stalled_readers(listener: socket.socket, stall_s: float) -> None:
    """Makes the kernel close connections of `listener` whose client has read no data for `stall_s` seconds.

    An idle connection, without waiting data, stays open. Systems other than Linux have no such option: there the
    connection stays until TCP gives up, but Server B drops the call.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(1, int(stall_s * 1000)))
