"""Writes to a file descriptor without blocking the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue

from llm_relay.mcp.stdio.daemon_thread import start_daemon_thread
from llm_relay.mcp.stdio.other_end import other_end_is_closed


class BackgroundWriter:
    """Writes in a daemon thread, so that a client that does not read delays only its own answers."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._pending: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        start_daemon_thread("stdout", self._write_all)

    async def write(self, data: bytes) -> None:
        """Waits until the data is written, or cannot be written because the client has closed its end."""
        written = self._loop.create_future()
        self._pending.put((data, written))
        await written

    def has_reader(self) -> bool:
        """Returns whether the output can still be read; True for a file."""
        return not other_end_is_closed(self._descriptor)

    def _write_all(self) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed: the program is ending
            while True:
                data, written = self._pending.get()
                with contextlib.suppress(OSError):
                    while data:
                        data = data[os.write(self._descriptor, data) :]
                self._loop.call_soon_threadsafe(_settle, written)


def _settle(written: asyncio.Future[None]) -> None:
    if not written.done():
        written.set_result(None)
