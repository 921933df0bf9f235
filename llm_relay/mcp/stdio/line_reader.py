"""Lines of a file descriptor, read no faster than they are taken."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator

from llm_relay.mcp.stdio.daemon_thread import start_daemon_thread
from llm_relay.mcp.stdio.other_end import other_end_is_closed

READ_BYTES = 64 * 1024


class LineTooLong:
    """Stands for a line that was longer than the limit and was skipped."""


class LineReader:
    """Reads lines in a daemon thread, one chunk ahead of what has been taken."""

    def __init__(self, descriptor: int, max_line_bytes: int) -> None:
        self._descriptor = descriptor
        self._max_line_bytes = max_line_bytes
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._taken = threading.Semaphore(0)

    async def lines(self) -> AsyncIterator[bytes | LineTooLong]:
        """Yields each line that is not blank, without its end. Ends when the input does."""
        start_daemon_thread("stdin", self._read)
        line, is_too_long = bytearray(), False
        async for chunk in self._read_chunks():
            *ends, rest = chunk.split(b"\n")
            for end in ends:
                if is_too_long or len(line) + len(end) > self._max_line_bytes:
                    yield LineTooLong()
                elif whole := bytes(line + end).strip():
                    yield whole
                line, is_too_long = bytearray(), False
            line += rest
            if len(line) > self._max_line_bytes:
                line, is_too_long = bytearray(), True
        if is_too_long:
            yield LineTooLong()
        elif whole := bytes(line).strip():
            yield whole

    def has_writer(self) -> bool:
        """Returns whether more input can come; True for a file."""
        return not other_end_is_closed(self._descriptor)

    async def _read_chunks(self) -> AsyncIterator[bytes]:
        while chunk := await self._chunks.get():
            yield chunk
            self._taken.release()

    def _read(self) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed: the program is ending
            while chunk := self._read_chunk():
                self._deliver(chunk)
                self._taken.acquire()
            self._deliver(b"")

    def _deliver(self, chunk: bytes) -> None:
        self._loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)

    def _read_chunk(self) -> bytes:
        try:
            return os.read(self._descriptor, READ_BYTES)
        except OSError:
            return b""
