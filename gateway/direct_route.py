"""A route that FastAPI describes and does not stand around."""

from __future__ import annotations

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send


class DirectRoute(APIRoute):
    """Hands its endpoint the request and sends the response that comes back.

    FastAPI's own way there, through dependencies, exit stacks and serializers, which none of our endpoints uses, takes
    an eighth of the CPU of a request. In /openapi.json the route is as any other.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)  # 405
            return
        response = await self.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)
