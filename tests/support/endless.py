"""A provider that speaks OpenAI's protocol and writes for as long as it is read."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

from tests.standins.connection import Connection

_HEAD = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}
_HEADING = b'"id":"e","object":"chat.completion.chunk","created":1,"model":"gpt-4o"'
_EVENT = b'data: {%b,"choices":[{"index":0,"delta":{"role":"assistant","content":"%b"},"finish_reason":null}]}\n\n'


class EndlessProvider:
    """Answers every request with an endless stream of tokens, and counts how many streams it is writing."""

    def __init__(self, word_chars: int, pause_s: float) -> None:
        self.url = ""
        self.open = 0
        self.served = 0
        self.most_words = 0
        """Of any one answer, how many were written."""
        self._pause_s = pause_s
        self._data = _EVENT % (_HEADING, b"x" * word_chars)
        self._changed = asyncio.Event()

    async def until(self, holds: Callable[[EndlessProvider], bool], within_s: float) -> None:
        """Waits until `holds` is true; raises TimeoutError after `within_s` seconds."""
        async with asyncio.timeout(within_s):
            while not holds(self):
                await self._changed.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection until it closes."""
        connection = Connection(reader, writer)
        try:
            while await connection.next_request() is not None:
                self._count(1)
                try:
                    await connection.unless_gone(self._write(connection))
                finally:
                    self._count(-1)
        finally:
            connection.abort()

    async def _write(self, connection: Connection) -> None:
        connection.begin(200, _HEAD)
        words = 0
        while True:
            await connection.send(self._data, in_chunks=True)
            words += 1
            self.most_words = max(self.most_words, words)
            await asyncio.sleep(self._pause_s)

    def _count(self, more: int) -> None:
        self.open += more
        self.served += max(more, 0)
        self._changed.set()
        self._changed.clear()


@contextlib.asynccontextmanager
async def endless_provider(
    *, word_chars: int = 4096, pause_s: float = 0, send_buffer_bytes: int = 0
) -> AsyncIterator[EndlessProvider]:
    """Serves on a free port of loopback until the block ends; `url` is the value for OPENAI_BASE_URL.

    `send_buffer_bytes` limits what the kernel buffers of the written data; 0: its own default.
    """
    provider = EndlessProvider(word_chars, pause_s)
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(provider.serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    listening = socket.create_server(("127.0.0.1", 0))
    if send_buffer_bytes:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)
    async with await asyncio.start_server(accept, sock=listening) as server:
        host, port = server.sockets[0].getsockname()
        provider.url = f"http://{host}:{port}/v1"
        yield provider
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
