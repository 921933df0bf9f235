"""A process's side of the line to the supervisor that started it.

The line is a pair of sockets. Over it the process reports that it serves, and on which port. When either side ends,
even by kill -9, the line closes and the other side notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass

LINE_VARIABLE = "RELAY_LINE"
"""Internal, set by a supervisor for the processes that it starts: the descriptor of the line."""
SHARED_PORT_VARIABLE = "RELAY_SHARED_PORT"
"""Internal, set for workers: the port that they share."""

OWN_TOKENS_VARIABLE = "RELAY_OWN_TOKENS"
"""Internal, set by `relay serve` for Server B: the tokens of the programs in front of it, as name:token,name:token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervised:
    """A process that has a supervisor."""

    line: socket.socket
    shared_port: int = 0
    """The port that it shares with other workers; 0: it is not a worker."""


def is_supervised() -> bool:
    """Returns whether a supervisor has started this process; False once `this_process` has been called."""
    return LINE_VARIABLE in os.environ


def this_process() -> Supervised | None:
    """Returns this process's side of the line, or None without a supervisor. Its own children will have none."""
    descriptor = os.environ.pop(LINE_VARIABLE, "")
    shared_port = int(os.environ.pop(SHARED_PORT_VARIABLE, "0"))
    if not descriptor:
        return None
    line = socket.socket(fileno=int(descriptor))
    line.set_inheritable(False)
    line.setblocking(False)
    return Supervised(line=line, shared_port=shared_port)


@contextlib.contextmanager
def serving(supervised: Supervised | None, signals: asyncio.Queue[signal.Signals], port: int) -> Iterator[None]:
    """Reports to the supervisor that this process serves on `port`.

    Within the block the end of the supervisor counts as a SIGTERM. None: there is no supervisor.
    """
    if supervised is None:
        yield
        return
    loop, line = asyncio.get_running_loop(), supervised.line

    def supervisor_ended() -> None:
        loop.remove_reader(line)
        signals.put_nowait(signal.SIGTERM)

    with contextlib.suppress(OSError):  # it has already ended: the reader will notice
        line.send(f"{port}\n".encode())
    loop.add_reader(line, supervisor_ended)
    try:
        yield
    finally:
        loop.remove_reader(line)
