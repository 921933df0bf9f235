"""Servers that write what they are told, byte by byte, and a proxy before them."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

from yarl import URL

from server_b.providers.http.answer import HttpAnswer
from server_b.providers.http.client import HttpClient

END = b"\r\n\r\n"


class Listener(ABC):
    """Listens on a free port of the loopback interface, and leaves nothing behind."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[bytes] = []
        self.connections = 0
        self.lost = asyncio.Event()
        """Set when a client has closed a connection."""
        self.asked = asyncio.Event()
        self._serving: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection until its end; returns early to close it."""

    async def idle(self) -> None:
        """Waits until every connection is closed, and its client had the time to see that."""
        await asyncio.gather(*self._serving)
        for _ in range(3):  # turns of the event loop
            await asyncio.sleep(0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self.serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.lost.set()
        finally:
            writer.close()

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._accept(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    @contextlib.asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[URL]:
        """Yields its address."""
        server = await asyncio.start_server(self._begin, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield URL(f"{'https' if tls else 'http'}://127.0.0.1:{self.port}")
        finally:
            server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)
            await server.wait_closed()


class RawServer(Listener):
    """Answers each request by the next of `answers`, and closes the connection after one that ends with CUT."""

    CUT = b"<cut>"

    def __init__(self, *answers: bytes) -> None:
        super().__init__()
        self.answers = list(answers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection; without an answer left it reads on and says nothing."""
        while True:
            head = await reader.readuntil(END)
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
            self.requests.append(head + await reader.readexactly(length))
            self.asked.set()
            if not self.answers:
                continue
            answer = self.answers.pop(0)
            writer.write(answer.removesuffix(self.CUT))
            await writer.drain()
            if answer.endswith(self.CUT):
                return


class ConnectProxy(Listener):
    """Takes CONNECT, and passes bytes on to one server, whatever name it is asked for."""

    def __init__(self, port: int, *, consent: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        super().__init__()
        self._port = port
        self._consent = consent

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Says what it was told to, and passes on from there."""
        self.requests.append(await reader.readuntil(END))
        writer.write(self._consent)
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        with contextlib.closing(back):
            await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


@contextlib.asynccontextmanager
async def asking(url: URL) -> AsyncIterator[HttpClient]:
    """Makes a client of one server."""
    with contextlib.closing(HttpClient(url, {"User-Agent": "test"})) as client:
        yield client


async def body_of(answer: HttpAnswer) -> bytes:
    """Reads an answer to its end, and leaves it."""
    body = bytearray()
    with contextlib.closing(answer):
        while block := await answer.read():
            body += block
    return bytes(body)
