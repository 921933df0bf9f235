"""The id of each request, on every answer, and the request's line in the log."""

from __future__ import annotations

import logging
import time
import uuid
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.problems import CLIENT_CLOSED_REQUEST
from gateway.reading import REQUEST_ID_HEADER, given_request_id

logger = logging.getLogger("gateway.requests")

_HEADER = REQUEST_ID_HEADER.lower().encode()


class RequestIds:
    """Gives each request an id: the caller's own from X-Request-Id, or a new one; the body may name another yet.

    It stands in the request's state, as `request_id`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

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
            _log(scope, status, time.monotonic() - began_at)


def _log(scope: Scope, status: int, total_s: float) -> None:
    """Writes the line; of the path only what the application itself has named."""
    path = getattr(scope.get("route"), "path", None)
    facts = {
        "request_id": scope["state"]["request_id"],
        "caller": scope["state"].get("caller"),
        "method": scope["method"],
        "route": path,
        "status": status,
        "total_s": round(total_s, 4),
    }
    # Whoever watches over a server asks for its health again and again.
    usual = logging.DEBUG if path == "/health" else logging.INFO
    logger.log(logging.WARNING if status >= 500 else usual, "request", extra={"facts": facts})
