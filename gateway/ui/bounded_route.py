"""Routes of the pages whose bodies are limited before FastAPI parses them, because anyone can send one."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message, Receive

from gateway.dependencies import backend_of
from gateway.requests.deadlines import deadline_of
from gateway.requests.request_parsing import BodyLimits, read_body

MOST_BYTES = 64 * 1024
"""The largest body. The pages send no larger one than a caller with its models and tags."""


class BoundedRoute(APIRoute):
    """Refuses a body that is too large (TOO_LARGE) or arrives too slowly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Returns the handler of a request."""
        handle = super().get_route_handler()
        if self.body_field is None:  # the route has no body, or reads it itself
            return handle

        async def bounded(request: Request) -> Response:
            backend = backend_of(request)
            limits = BodyLimits(max_bytes=MOST_BYTES, timeout_s=backend.limits.timeout_s)
            body = await read_body(request, deadline=deadline_of(request, backend.timeout_s), limits=limits)
            return await handle(Request(request.scope, _replaying(bytes(body), request.receive)))

        return bounded


def _replaying(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
