"""The id of each request, on every answer, and the request's line in the log."""

from __future__ import annotations

import functools
import logging
import time
import uuid
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.problems import CLIENT_CLOSED_REQUEST
from gateway.request_parsing import REQUEST_ID_HEADER, given_request_id
from llm_relay.program.buffered_log import GatheredLog

_HEADER = REQUEST_ID_HEADER.lower().encode()


class RequestIds:
    """Gives each request an id: the caller's own from X-Request-Id, or a new one; the body may name another yet.

    It stands in the request's state, as `request_id`.
    """

    def __init__(self, app: ASGIApp, *, log: GatheredLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = given_request_id(Headers(scope=scope).get(REQUEST_ID_HEADER)) or str(uuid.uuid4())
        status, began_at = CLIENT_CLOSED_REQUEST, time.monotonic()

        async def send_identified(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], (_HEADER, state["request_id"].encode())]}
            await send(message)

        try:
            await self._app(scope, receive, send_identified)
        finally:
            self._log.note(_level(scope, status), functools.partial(_facts, scope, status, time.monotonic() - began_at))


def create_request_log() -> GatheredLog:
    """Makes the log that a line of each request goes to."""
    return GatheredLog(logging.getLogger("gateway.requests"), "request")


def _level(scope: Scope, status: int) -> int:
    if status >= 500:
        return logging.WARNING
    # Whoever watches over a server asks for its health again and again.
    return logging.DEBUG if _path(scope) == "/health" else logging.INFO


def _facts(scope: Scope, status: int, total_s: float) -> dict[str, Any]:
    """What the line tells; of the path only what the application itself has named."""
    return {
        "request_id": scope["state"]["request_id"],
        "caller": scope["state"].get("caller"),
        "method": scope["method"],
        "route": _path(scope),
        "status": status,
        "total_s": round(total_s, 4),
    }


def _path(scope: Scope) -> str | None:
    return getattr(scope.get("route"), "path", None)
