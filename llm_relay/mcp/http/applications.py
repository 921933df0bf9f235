"""The two ASGI applications that serve MCP over HTTP, and the checks that every request passes first.

In order: the body's time limit, Host and Origin, the token, the path, the whole body, the caller's sessions.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llm_relay.http.slow_bodies import BodyInTime
from llm_relay.mcp.cancel_scopes import CancelScopes
from llm_relay.mcp.http.accepted_form import AnswerInAcceptedForm
from llm_relay.mcp.http.disconnect import CancelOnDisconnect
from llm_relay.mcp.http.endpoint import HttpEndpoint
from llm_relay.mcp.http.host_check import AllowLists
from llm_relay.mcp.http.paths import Paths
from llm_relay.mcp.http.session_limits import SESSION_IDLE_S, LimitConnections, LimitSessions
from llm_relay.mcp.http.token_check import RequireToken
from llm_relay.mcp.http.whole_body import ReadWholeBody
from llm_relay.mcp.json_rpc import max_request_bytes

SSE_PATH = "/sse"
MESSAGES_PATH = "/messages"
STREAMABLE_PATH = "/mcp"


@contextlib.asynccontextmanager
async def open_sse(protocol: Server[Any], endpoint: HttpEndpoint) -> AsyncIterator[ASGIApp]:
    """Opens the HTTP+SSE application of the first protocol revisions. Its connections end with the block."""
    transport = SseServerTransport(f"{MESSAGES_PATH}/", None, max_request_bytes(endpoint.max_message_bytes))
    connections = CancelScopes()
    paths: dict[str, ASGIApp] = {
        SSE_PATH: LimitConnections(_EventStream(protocol, transport, connections)),
        MESSAGES_PATH: _whole_bodies(transport.handle_post_message, endpoint, answers_elsewhere=True),
    }
    try:
        yield _protected(paths, endpoint)
    finally:
        connections.cancel()


class _EventStream:
    """The GET request that a client holds open to receive events."""

    def __init__(self, protocol: Server[Any], transport: SseServerTransport, connections: CancelScopes) -> None:
        self._protocol = protocol
        self._transport = transport
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            await Response(status_code=405, headers={"Allow": "GET"})(scope, receive, send)
            return
        async with self._transport.connect_sse(scope, receive, _untransformed(send)) as (read, write):
            # Cancels the protocol, not the connection: its response then ends properly, and would be cut off otherwise.
            with self._connections.scope():
                await self._protocol.run(read, write, self._protocol.create_initialization_options())


def _untransformed(send: Send) -> Send:
    """Asks proxies not to compress the events, which would delay them. The SDK does so only on `/mcp`."""

    async def send_untransformed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message["headers"]))
            headers["Cache-Control"] = "no-store, no-transform"
            message = {**message, "headers": headers.raw}
        await send(message)

    return send_untransformed


@contextlib.asynccontextmanager
async def open_streamable(protocol: Server[Any], endpoint: HttpEndpoint, **options: Any) -> AsyncIterator[ASGIApp]:
    """Opens the streamable HTTP application, for protocol revisions with and without sessions.

    Its sessions end with the block. Clients of the earlier revisions have sessions: without one,
    `notifications/cancelled` cannot reach its call. `options` are StreamableHTTPSessionManager's own.
    """
    manager = StreamableHTTPSessionManager(
        protocol,
        max_request_body_size=max_request_bytes(endpoint.max_message_bytes),
        session_idle_timeout=SESSION_IDLE_S,
        **options,
    )
    async with manager.run():
        app = AnswerInAcceptedForm(CancelOnDisconnect(manager.handle_request))
        yield _protected({STREAMABLE_PATH: _whole_bodies(LimitSessions(app), endpoint)}, endpoint)


def _whole_bodies(app: ASGIApp, endpoint: HttpEndpoint, *, answers_elsewhere: bool = False) -> ASGIApp:
    most_bytes = max_request_bytes(endpoint.max_message_bytes)
    return ReadWholeBody(app, most_bytes, answers_elsewhere=answers_elsewhere)


def _protected(paths: Mapping[str, ASGIApp], endpoint: HttpEndpoint) -> ASGIApp:
    app: ASGIApp = RequireToken(Paths(paths), endpoint.callers)
    return BodyInTime(AllowLists(app, hosts=endpoint.allowed_hosts, origins=endpoint.allowed_origins))
