"""What a process knows of the supervisor that started it.

Between the two is a line, a pair of sockets. Over it the process says that it serves, and on which port; and either
notices by its end that the other has ended, by kill -9 too.
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
"""Internal, set by a supervisor for what it starts: the descriptor of the line."""
SHARED_PORT_VARIABLE = "RELAY_SHARED_PORT"
"""Internal, set for workers: the port that they share."""

OWN_TOKENS_VARIABLE = "RELAY_OWN_TOKENS"
"""Internal, set by `relay serve` for Server B: the tokens of the programs in front of it, as name:token,name:token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervised:
    """A process that has a supervisor."""

    line: socket.socket
    shared_port: int = 0
    """The port that it shares with other workers; 0: it is no worker."""


def is_supervised() -> bool:
    """Tells whether a supervisor has started this process, until `this_process` is asked."""
    return LINE_VARIABLE in os.environ


def this_process() -> Supervised | None:
    """Returns what this process knows of its supervisor, None if it has none; what it starts itself will have none."""
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
    """Tells the supervisor that this process serves on `port`.

    Within the block the end of the supervisor counts as a SIGTERM. None: there is nobody to tell.
    """
    if supervised is None:
        yield
        return
    loop, line = asyncio.get_running_loop(), supervised.line

    def supervisor_ended() -> None:
        loop.remove_reader(line)
        signals.put_nowait(signal.SIGTERM)

    with contextlib.suppress(OSError):  # it has ended already: the reader tells
        line.send(f"{port}\n".encode())
    loop.add_reader(line, supervisor_ended)
    try:
        yield
    finally:
        loop.remove_reader(line)
