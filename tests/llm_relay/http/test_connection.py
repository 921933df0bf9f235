"""One HTTP connection: what it reads, what it sends to old clients, and how it notices that a client left."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from llm_relay.addresses import listen
from llm_relay.http.connection import MAX_PIPELINED_BYTES
from llm_relay.http.serving import KEEP_ALIVE_S, create_server

pytestmark = pytest.mark.anyio

PATIENCE_S = 10.0


class App:
    """Echoes a body. /hang answers only when `go_on` is set, and notices when its client leaves."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.left = asyncio.Event()
        self.go_on = asyncio.Event()
        self.paths: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.paths.append(scope["path"])
        body = await request.body()
        if scope["path"] == "/hang":
            await self._hang(receive)
        if scope["path"] == "/stream":
            response = StreamingResponse(self._parts(), media_type="text/plain")
            await response(scope, receive, send)
            return
        seen = b"%b %b %b" % (scope["method"].encode(), body, request.headers.get("x-seen", "").encode())
        await PlainTextResponse(seen + b"|")(scope, receive, send)

    async def _hang(self, receive: Receive) -> None:
        self.asked.set()
        leaving = asyncio.ensure_future(receive())
        going_on = asyncio.ensure_future(self.go_on.wait())
        await asyncio.wait([leaving, going_on], return_when=asyncio.FIRST_COMPLETED)
        going_on.cancel()
        if leaving.done() and leaving.result()["type"] == "http.disconnect":
            self.left.set()
        leaving.cancel()

    async def _parts(self) -> AsyncIterator[bytes]:
        yield b"Hel"
        yield b"lo"


@contextlib.asynccontextmanager
async def connected(app: App) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Serves the application until the block ends; yields one connection to it."""
    server = create_server(app, certificates=None, grace_s=1, lifespan="off")
    with listen("127.0.0.1", 0) as listener:
        running = asyncio.create_task(server.serve(sockets=[listener]))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        try:
            async with asyncio.timeout(PATIENCE_S):
                yield reader, writer
        finally:
            app.go_on.set()
            writer.close()
            server.should_exit = True
            await running


def request(path: str, body: bytes = b"", *lines: str, method: str = "POST", version: str = "1.1") -> bytes:
    head = [f"{method} {path} HTTP/{version}", "Host: h", f"Content-Length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode() + body


@pytest.mark.parametrize("line", ["X-Seen: a b", "X-Seen:a b", "X-Seen: a b ", "X-Seen: \t a b \t ", "x-seen:a b\t"])
async def test_spaces_around_a_headers_value_are_not_part_of_it(line: str) -> None:
    async with connected(App()) as (reader, writer):
        writer.write(request("/", b"", line))
        assert (await reader.readuntil(b"|")).endswith(b"POST  a b|")


@pytest.mark.parametrize(
    "lines",
    [
        ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"),
        ("Connection: Upgrade", "Upgrade: websocket"),
        ("Connection: upgrade", "upgrade: TLS/1.0, HTTP/2.0"),
    ],
    ids=["h2c", "websocket", "tls"],
)
async def test_an_offer_of_another_protocol_is_declined_and_the_body_read(lines: tuple[str, ...]) -> None:
    async with connected(App()) as (reader, writer):
        for _ in range(2):
            writer.write(request("/", b"hello", *lines))
            assert (await reader.readuntil(b"|")).endswith(b"POST hello |")


@pytest.mark.parametrize("junk", [b"CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\n\r\n", b"\0\1\2\r\n\r\n"])
async def test_bytes_that_are_no_request_are_refused_and_the_connection_closed(junk: bytes) -> None:
    async with connected(App()) as (reader, writer):
        writer.write(junk)
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")


async def test_an_http_1_0_client_gets_no_chunks() -> None:
    async with connected(App()) as (reader, writer):
        writer.write(request("/stream", version="1.0"))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    assert body == b"Hello"


async def test_an_http_1_0_client_gets_an_answer_of_known_length_with_its_length() -> None:
    async with connected(App()) as (reader, writer):
        writer.write(request("/", b"hi", version="1.0"))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert b"content-length: 9" in head.lower()
    assert body == b"POST hi |"


async def test_an_http_1_1_client_gets_chunks() -> None:
    async with connected(App()) as (reader, writer):
        writer.write(request("/stream"))
        assert (await reader.readuntil(b"0\r\n\r\n")).endswith(b"3\r\nHel\r\n2\r\nlo\r\n0\r\n\r\n")


TOO_MUCH = 128 * MAX_PIPELINED_BYTES
"""More than the kernel buffers for a server that does not read."""
BEHIND = {
    "one": request("/next"),
    "several": request("/next") * 20,
    "half a head": request("/next")[:-5],
    "half a body": request("/next", b"x" * 100)[:-50],
    "a large body": request("/next", b"x" * 200_000),
    "too much": request("/next", b"x" * TOO_MUCH),
    "no request": b"\0\1\2\r\n\r\n",
}


@pytest.mark.parametrize("behind", BEHIND.values(), ids=BEHIND)
@pytest.mark.parametrize("at_once", [True, False], ids=["in one write", "later"])
async def test_a_client_that_leaves_is_noticed_whatever_it_sent_after_its_request(
    behind: bytes, *, at_once: bool
) -> None:
    app = App()
    async with connected(app) as (_, writer):
        if at_once:
            writer.write(request("/hang") + behind)
        else:
            writer.write(request("/hang"))
            await app.asked.wait()
            writer.write(behind)
        await app.asked.wait()
        await writer.drain()
        writer.close()
        await app.left.wait()
    assert app.paths == ["/hang"]


async def test_pipelined_requests_are_answered_in_order() -> None:
    app = App()
    async with connected(app) as (reader, writer):
        writer.write(request("/hang", b"1") + request("/", b"2") + request("/", b"x" * 50_000) + request("/", b"4"))
        await app.asked.wait()
        app.go_on.set()
        for body in (b"1", b"2", b"x" * 50_000, b"4"):
            assert (await reader.readuntil(b"|")).endswith(b"POST %b |" % body)


@pytest.mark.parametrize("name", ["too much", "no request"])
async def test_unreadable_or_too_large_pipelined_data_ends_the_connection_after_the_answer(name: str) -> None:
    app = App()
    async with connected(app) as (reader, writer):
        writer.write(request("/hang", b"1"))
        await app.asked.wait()
        writer.write(BEHIND[name])
        await writer.drain()
        app.go_on.set()
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == b"POST 1 |"
    assert app.paths == ["/hang"]


def test_an_idle_connection_is_kept_longer_than_load_balancers_keep_theirs() -> None:
    assert KEEP_ALIVE_S > 65
