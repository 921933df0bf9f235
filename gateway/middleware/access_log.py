"""The access log: a line for each request, and the X-Request-Id header of its response."""

from __future__ import annotations

import functools
import logging
import time
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.middleware.response_status import SeenStatus
from gateway.requests import request_ids
from gateway.requests.request_header import header
from gateway.requests.request_ids import REQUEST_ID_HEADER
from llm_relay.program.logs.buffered_log import BufferedLog
from llm_relay.trace_context import current_trace_id

LONGEST_PATH = 100
_HEADER = REQUEST_ID_HEADER.lower().encode()


class AccessLog:
    """Gives each request an id, and logs the request when it has ended."""

    def __init__(self, app: ASGIApp, *, log: BufferedLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state: dict[str, Any] = scope.setdefault("state", {})
        request_ids.begin(scope, header(scope, _HEADER))
        seen, began_at = SeenStatus(send, lambda: (_HEADER, state["request_id"].encode())), time.monotonic()
        try:
            await self._app(scope, receive, seen)
        finally:
            facts = functools.partial(_facts, scope, seen.status, time.monotonic() - began_at, current_trace_id())
            self._log.note(_level(scope, seen.status), facts)


def create_access_log() -> BufferedLog:
    """Creates the access log."""
    return BufferedLog(logging.getLogger("gateway.requests"), "request")


def _level(scope: Scope, status: int) -> int:
    if status >= 500:
        return logging.WARNING
    # Monitors poll the health.
    return logging.DEBUG if _path(scope) == "/health" else logging.INFO


def _facts(scope: Scope, status: int, total_s: float, trace_id: str) -> dict[str, Any]:
    state = scope["state"]
    call_id = state.get("call_id")
    return {
        "request_id": state["request_id"],
        "call_id": call_id if call_id != state["request_id"] else None,
        "caller": state["caller"].name if "caller" in state else None,
        "method": scope["method"],
        "path": _path(scope),
        "status": status,
        "total_s": round(total_s, 4),
        **({"trace_id": trace_id} if trace_id else {}),
    }


def _path(scope: Scope) -> str:
    """Returns the route's path, which contains no ids, or the requested path if no route matches."""
    path: str = getattr(scope.get("route"), "path", None) or scope["path"]
    return path if len(path) <= LONGEST_PATH else f"{path[:LONGEST_PATH]}…"
