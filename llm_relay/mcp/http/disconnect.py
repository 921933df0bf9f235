"""Cancels a request's tool call when its client goes away."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llm_relay.mcp.cancel_scopes import CancelScopes
from llm_relay.mcp.scope_keys import CANCEL_SCOPES


class CancelOnDisconnect:
    """Cancels the tool calls of a request whose client disconnects: in a legacy session the SDK lets them run on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        calls = scope[CANCEL_SCOPES] = CancelScopes()

        async def watched() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                calls.cancel()
            return message

        await self._app(scope, watched, send)
