"""Servers that write given bytes, and a proxy in front of them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

from aiohttp.abc import AbstractResolver
from yarl import URL

from llm_relay.tls.authority import Authority
from server_b.providers.http.client import HttpClient
from server_b.providers.http.limits import Limits
from server_b.providers.http.response import Response

END = b"\r\n\r\n"
LINGER_NOT = struct.pack("ii", 1, 0)
UNHURRIED = Limits(idle_s=600, redial_within_s=600)
"""For a busy machine, where immediate events may be seen late."""


class Listener(ABC):
    """Listens on a free port of the loopback interface; closes everything at its end."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[bytes] = []
        self.connections = 0
        self.lost = asyncio.Event()
        """Set when a client has closed a connection."""
        self.connected = asyncio.Event()
        self._serving: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection until its end; returns early to close it."""

    async def idle(self) -> None:
        """Waits until every connection is closed and its client has had time to see that."""
        await asyncio.gather(*self._serving)
        for _ in range(3):  # turns of the event loop
            await asyncio.sleep(0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.connected.set()
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
    async def listening(self, tls: ssl.SSLContext | None = None, *, send_buffer_bytes: int = 0) -> AsyncIterator[URL]:
        """Yields its address; `send_buffer_bytes` limits the kernel's buffer of written data, 0: its default."""
        listening = socket.create_server(("127.0.0.1", 0))
        if send_buffer_bytes:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)
        server = await asyncio.start_server(self._begin, sock=listening, ssl=tls)
        self.port = listening.getsockname()[1]
        try:
            yield URL(f"{'https' if tls else 'http'}://127.0.0.1:{self.port}")
        finally:
            server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)
            await server.wait_closed()


class RawServer(Listener):
    """Answers each request with the next of `answers`; closes the connection after one that ends with CUT or RESET."""

    CUT = b"<cut>"
    RESET = b"<reset>"

    def __init__(self, *answers: bytes) -> None:
        super().__init__()
        self.answers = list(answers)
        self.until = END
        """What a request's head ends with."""
        self._asked = asyncio.Condition()
        self._waiting: list[asyncio.StreamWriter] = []

    def answer_waiting(self, answer: bytes) -> None:
        """Answers the requests for which there was no answer left."""
        while self._waiting:
            self._waiting.pop().write(answer)

    async def until_requests(self, count: int) -> None:
        """Waits until that many requests have arrived."""
        async with self._asked:
            await self._asked.wait_for(lambda: len(self.requests) >= count)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection; without an answer left it reads on and sends nothing."""
        while True:
            head = await reader.readuntil(self.until)
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
            async with self._asked:
                self.requests.append(head + await reader.readexactly(length))
                self._asked.notify_all()
            if not self.answers:
                self._waiting.append(writer)
                continue
            answer = self.answers.pop(0)
            writer.write(answer.removesuffix(self.CUT).removesuffix(self.RESET))
            await writer.drain()
            if answer.endswith(self.RESET):
                await asyncio.sleep(0.01)  # the written data is sent first: a reset overtakes data on its way
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
                writer.transport.abort()
            if answer.endswith((self.CUT, self.RESET)):
                return


class ConnectProxy(Listener):
    """Accepts CONNECT, and passes bytes on to one server, whatever name is requested."""

    def __init__(self, port: int, *, consent: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        super().__init__()
        self._port = port
        self._consent = consent

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Sends the given reply, and passes bytes on from there."""
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
async def asking(
    url: URL, limits: Limits = UNHURRIED, resolver: AbstractResolver | None = None
) -> AsyncIterator[HttpClient]:
    """Makes a client of one server."""
    client = HttpClient(str(url), headers={"User-Agent": "test"}, limits=limits, resolver=resolver)
    try:
        yield client
    finally:
        await client.close()


async def body_of(response: Response) -> bytes:
    """Reads a response to its end and closes it."""
    with contextlib.closing(response):
        return await response.read(2**30)


def tls_for(authority: Authority, host: str) -> ssl.SSLContext:
    """Makes the TLS context of a server whose certificate is for `host`."""
    pair = authority.issue(host, hosts=[host])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.cert_file, pair.key_file)
    return context
