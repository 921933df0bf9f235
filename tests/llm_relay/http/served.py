"""An application behind the relay's HTTP server, and connections to it that a test writes byte by byte."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from llm_relay.addresses import listen
from llm_relay.http.serving import create_server

PATIENCE_S = 60.0


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
