"""Reads the lines of a file descriptor, no faster than they are used."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass

from llm_relay.mcp.oversized import HEAD_BYTES, TAIL_BYTES
from llm_relay.mcp.stdio.daemon_thread import start_daemon_thread
from llm_relay.mcp.stdio.other_end import other_end_is_closed

READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class LineTooLong:
    """A line that was longer than the limit and was skipped."""

    head: bytes
    """Its first HEAD_BYTES bytes."""
    tail: bytes
    """Its last TAIL_BYTES bytes."""


class LineReader:
    """Reads lines in a daemon thread, one chunk ahead of what has been used."""

    def __init__(self, descriptor: int, max_line_bytes: int) -> None:
        self._descriptor = descriptor
        self._max_line_bytes = max_line_bytes
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._taken = threading.Semaphore(0)

    async def lines(self) -> AsyncIterator[bytes | LineTooLong]:
        """Yields each line that is not blank, without its line ending, until the input ends."""
        start_daemon_thread("stdin", self._read)
        line, head = bytearray(), b""
        async for chunk in self._read_chunks():
            *ends, rest = chunk.split(b"\n")
            for end in ends:
                line += end
                if head or len(line) > self._max_line_bytes:
                    yield LineTooLong(head or bytes(line[:HEAD_BYTES]), bytes(line[-TAIL_BYTES:]))
                elif whole := bytes(line).strip():
                    yield whole
                line, head = bytearray(), b""
            line += rest
            if head or len(line) > self._max_line_bytes:
                head, line = head or bytes(line[:HEAD_BYTES]), line[-TAIL_BYTES:]
        if head:
            yield LineTooLong(head, bytes(line))
        elif whole := bytes(line).strip():
            yield whole

    def has_writer(self) -> bool:
        """Returns whether more input can arrive; True for a file."""
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
