"""MCP over HTTP: the two applications, and what stands before them, in order: Host and Origin, token, disconnect."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llm_relay.errors import Unauthenticated
from llm_relay.http.slow_bodies import BodyInTime
from llm_relay.mcp.cancel_scopes import CancelScopes
from llm_relay.mcp.tools import DEPARTURE, ToolServer
from llm_relay.tls.http import HttpCertificates
from llm_relay.tokens import Tokens

SSE_PATH = "/sse"
MESSAGES_PATH = "/messages/"
STREAMABLE_PATH = "/mcp"

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
ENVELOPE_BYTES = 64 * 1024
"""What a request may be larger than the message in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where MCP is served over HTTP, and to whom."""

    host: str
    port: int
    """0: any free one."""
    port_name: str
    """The setting that names the port."""
    allowed_hosts: tuple[str, ...]
    """Host headers accepted beside loopback's: `host` (any port) or `host:port`."""
    allowed_origins: tuple[str, ...]
    """Origin headers accepted beside loopback's: `https://app.example`."""
    tokens: Tokens
    """None of them: everybody may come in."""
    certificates: HttpCertificates | None
    """None: no TLS."""
    max_message_bytes: int
    drain_s: float
    """How long running calls may take once the server is told to stop."""
    stall_s: float
    """How long a client may take no data, in seconds."""


@contextlib.asynccontextmanager
async def open_sse(tools: ToolServer, door: Door) -> AsyncIterator[ASGIApp]:
    """Opens the HTTP+SSE application of the first revisions; its connections end with the block."""
    transport = SseServerTransport(MESSAGES_PATH, _security(door), door.max_message_bytes + ENVELOPE_BYTES)
    connections = CancelScopes()
    stream = _EventStream(tools, transport, connections)
    try:
        yield _guarded(
            [
                Route(SSE_PATH, endpoint=stream, methods=["GET"]),
                Mount(MESSAGES_PATH, app=transport.handle_post_message),
            ],
            door,
        )
    finally:
        connections.cancel()


class _EventStream:
    """The GET that a client holds open."""

    def __init__(self, tools: ToolServer, transport: SseServerTransport, connections: CancelScopes) -> None:
        self._protocol = tools.protocol
        self._transport = transport
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._transport.connect_sse(scope, receive, send) as (read, write):
            # Within, for the response ends well once the protocol has ended, and is cut if it is itself cancelled.
            with self._connections.scope():
                await self._protocol.run(read, write, self._protocol.create_initialization_options())


@contextlib.asynccontextmanager
async def open_streamable(tools: ToolServer, door: Door) -> AsyncIterator[ASGIApp]:
    """Opens the streamable HTTP application, for both eras; its sessions end with the block.

    Legacy clients have sessions, since without them `notifications/cancelled` cannot reach the call it is about.
    """
    manager = StreamableHTTPSessionManager(
        tools.protocol,
        security_settings=_security(door),
        max_request_body_size=door.max_message_bytes + ENVELOPE_BYTES,
    )
    async with manager.run():
        app = CancelOnDisconnect(manager.handle_request)
        yield _guarded([Route(STREAMABLE_PATH, endpoint=app)], door)


def _guarded(routes: list[BaseRoute], door: Door) -> ASGIApp:
    app: ASGIApp = Router(routes=routes)
    if door.tokens:
        app = RequireToken(app, door.tokens)
    return BodyInTime(AllowLists(app, _security(door)))


def _security(door: Door) -> TransportSecuritySettings:
    hosts = (*_LOOPBACK_NAMES, *door.allowed_hosts)
    origins = [f"{scheme}://{name}" for scheme in ("http", "https") for name in _LOOPBACK_NAMES]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[*hosts, *(f"{host}:*" for host in hosts)],
        allowed_origins=[*origins, *(f"{origin}:*" for origin in origins), *door.allowed_origins],
    )


class AllowLists:
    """Refuses requests whose Host or Origin is not allowed, whatever their path: a web page may have sent them."""

    def __init__(self, app: ASGIApp, settings: TransportSecuritySettings) -> None:
        self._app = app
        self._security = TransportSecurityMiddleware(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = await self._security.validate_request(Request(scope))
        if refusal is None:
            await self._app(scope, receive, send)
            return
        text = "this Host or Origin is not allowed: name it in MCP_ALLOWED_HOSTS or MCP_ALLOWED_ORIGINS\n"
        await PlainTextResponse(text, refusal.status_code)(scope, receive, send)


class RequireToken:
    """Refuses requests without a valid bearer token, and binds each session to the name of the token that opened it."""

    def __init__(self, app: ASGIApp, tokens: Tokens) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            name = self._tokens.caller(Request(scope).headers.get("authorization"))
        except Unauthenticated as error:
            refusal = PlainTextResponse(f"{error.message}\n", 401, {"WWW-Authenticate": "Bearer"})
            await refusal(scope, receive, send)
            return
        # The SDK's own mark of who calls: it lets nobody else into a session.
        scope["user"] = AuthenticatedUser(AccessToken(token="", client_id=name, scopes=[]))
        await self._app(scope, receive, send)


class CancelOnDisconnect:
    """Cancels a request's tool call when its client goes away; for a legacy session the SDK lets it run on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        calls = scope[DEPARTURE] = CancelScopes()

        async def watched() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                calls.cancel()
            return message

        await self._app(scope, watched, send)
