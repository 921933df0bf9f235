"""Limits what one caller can hold open: sessions over streamable HTTP, connections over SSE."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llm_relay.mcp.http.token_check import caller_of

MAX_SESSIONS_PER_CALLER = 500
"""A session takes about 40 KiB. If no tokens are set, all clients are one caller."""
SESSION_IDLE_S = 30 * 60.0
"""How long a session may be unused, in seconds, before the SDK closes it."""
RETRY_AFTER_S = 1

SESSION_ID = "mcp-session-id"
PROTOCOL_VERSION = "mcp-protocol-version"

_Sessions = OrderedDict[str, int]
"""How many requests use each session of a caller, from the least recently used session on."""


class LimitSessions:
    """Closes a caller's least recently used session when it has opened one too many; refuses if all are in use.

    Many clients leave their sessions open when they end. A client whose session was closed gets a 404 and, as the
    protocol requires, opens a new one.
    """

    def __init__(self, app: ASGIApp, limit: int = MAX_SESSIONS_PER_CALLER) -> None:
        self._app = app
        self._limit = limit
        self._callers: defaultdict[str, _Sessions] = defaultdict(OrderedDict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        sessions = self._callers[caller_of(scope)]
        if headers.get(PROTOCOL_VERSION, HANDSHAKE_PROTOCOL_VERSIONS[0]) not in HANDSHAKE_PROTOCOL_VERSIONS:
            await self._app(scope, receive, send)  # this revision has no sessions
        elif (session_id := headers.get(SESSION_ID)) is not None:
            await self._use(sessions, session_id, scope, receive, send)
        elif sum(1 for uses in sessions.values() if uses) >= self._limit:
            await _too_many("sessions")(scope, receive, send)
        else:
            await self._open(sessions, scope, receive, send)

    async def _open(self, sessions: _Sessions, scope: Scope, receive: Receive, send: Send) -> None:
        opened = ""

        async def watch(message: Message) -> None:
            nonlocal opened
            if message["type"] == "http.response.start" and message["status"] < 400:
                opened = Headers(raw=message["headers"]).get(SESSION_ID, "")
                if opened:
                    sessions[opened] = 1
                    await self._close_excess(sessions, scope)
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            _end_use(sessions, opened)

    async def _use(self, sessions: _Sessions, session_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        if session_id in sessions:
            sessions[session_id] += 1
            sessions.move_to_end(session_id)

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                is_deleted = scope["method"] == "DELETE" and message["status"] < 400
                if is_deleted or message["status"] == 404:
                    sessions.pop(session_id, None)
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            _end_use(sessions, session_id)

    async def _close_excess(self, sessions: _Sessions, scope: Scope) -> None:
        """Ends unused sessions as their client would: with DELETE."""
        while len(sessions) > self._limit and (unused := _least_recently_used(sessions)):
            del sessions[unused]
            kept = [(name, value) for name, value in scope["headers"] if name != SESSION_ID.encode()]
            headers = [*kept, (SESSION_ID.encode(), unused.encode())]
            await self._app({**scope, "method": "DELETE", "headers": headers}, _receive_nothing, _send_nowhere)


class LimitConnections:
    """Refuses a connection if its caller holds too many. Each connection is a session."""

    def __init__(self, app: ASGIApp, limit: int = MAX_SESSIONS_PER_CALLER) -> None:
        self._app = app
        self._limit = limit
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = caller_of(scope)
        if self._open[caller] >= self._limit:
            await _too_many("connections")(scope, receive, send)
            return
        self._open[caller] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open[caller] -= 1


def _end_use(sessions: _Sessions, session_id: str) -> None:
    if session_id in sessions:
        sessions[session_id] -= 1


def _least_recently_used(sessions: _Sessions) -> str:
    """Returns a session that no request uses, or "" if there is none."""
    return next((session_id for session_id, uses in sessions.items() if not uses), "")


def _too_many(what: str) -> PlainTextResponse:
    text = f"this caller has too many open {what}: close some, or try again later\n"
    return PlainTextResponse(text, 503, {"Retry-After": str(RETRY_AFTER_S)})


async def _receive_nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send_nowhere(_: Message) -> None:
    pass
