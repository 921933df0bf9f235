"""A real gateway in the test's own process, on any free port of loopback, and two ways to call it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson

from gateway.application import create_app
from gateway.serving import create_server
from gateway.settings import GatewaySettings
from gateway.streaming import Pings
from llm_relay.addresses import listen
from llm_relay.http.connection import HEAD_TIMEOUT_S, HttpConnection
from llm_relay.http.slow_bodies import BODY_TIMEOUT_S

PATIENCE_S = 60.0
"""How long a test waits for what must happen."""
NOBODY = "127.0.0.1:1"
"""A target where nothing listens."""


def gateway_settings(**given: Any) -> GatewaySettings:
    """Makes settings of only these values, whatever .env there is."""
    return GatewaySettings(_env_file=None, **given)  # type: ignore[call-arg]


@contextlib.asynccontextmanager
async def gateway(
    target: str = NOBODY,
    *,
    pings: Pings | None = None,
    head_timeout_s: float = HEAD_TIMEOUT_S,
    body_timeout_s: float = BODY_TIMEOUT_S,
    **settings: Any,
) -> AsyncIterator[httpx2.AsyncClient]:
    """Serves a gateway in front of `target` until the block ends; yields a client of it."""

    class Connection(HttpConnection):
        pass

    Connection.head_timeout_s = head_timeout_s
    made = gateway_settings(server_b_target=target, **settings)
    server = create_server(create_app(made, pings=pings, body_timeout_s=body_timeout_s), made)
    server.config.http = Connection
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            async with httpx2.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S, trust_env=False
            ) as client:
                yield client
        finally:
            server.should_exit = True
            await running


@contextlib.asynccontextmanager
async def application_at(url: str, target: str = NOBODY, **settings: object) -> AsyncIterator[httpx2.AsyncClient]:
    """Yields a client of an application that another server serves at `url`."""
    app = create_app(gateway_settings(server_b_target=target, **settings))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=url) as client,
    ):
        yield client


@dataclass(slots=True)
class Reply:
    """An HTTP answer as received over the socket."""

    status: int
    headers: dict[str, str]
    """Header names are in lower case."""
    body: bytes = b""

    @property
    def document(self) -> dict[str, Any]:
        parsed: dict[str, Any] = orjson.loads(self.body)
        return parsed


@dataclass(slots=True)
class Socket:
    """A client that writes its own bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: bytes = field(default=b"")

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until(self, text: bytes) -> bytes:
        """Reads until `text` has arrived; returns everything up to it."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.readuntil(text)

    async def head(self) -> Reply:
        """Reads the head of an answer."""
        first, *lines = (await self.until(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.split(": ", 1) for line in lines if line)
        return Reply(int(first.split(" ")[1]), {name.lower(): value for name, value in pairs})

    async def reply(self) -> Reply:
        """Reads an answer that has a Content-Length."""
        reply = await self.head()
        async with asyncio.timeout(PATIENCE_S):
            reply.body = await self.reader.readexactly(int(reply.headers["content-length"]))
        return reply

    async def closed(self) -> bytes:
        """Waits until the gateway closes the connection; returns the bytes before that."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.read()


@contextlib.asynccontextmanager
async def socket_to(client: httpx2.AsyncClient) -> AsyncIterator[Socket]:
    """Opens a connection to the gateway of `client`."""
    assert client.base_url.port is not None
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    try:
        yield Socket(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def post(path: str, body: bytes, *headers: str) -> bytes:
    """Returns the bytes of a request."""
    head = (f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(head).encode() + body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def server_sent_events(text: str) -> list[dict[str, str]]:
    """Parses a whole event stream: the fields of each event; a comment has the name ""."""
    blocks = (block for block in text.split("\n\n") if block)
    return [dict(_field(line) for line in block.split("\n")) for block in blocks]


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ")
    return name, value
