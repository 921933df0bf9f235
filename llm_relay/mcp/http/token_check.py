"""Refuses requests without a valid bearer token, and binds each session to the caller who opened it."""

from __future__ import annotations

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from llm_relay.caller_tokens import ANONYMOUS, Caller, Callers
from llm_relay.errors import RelayError, Unauthenticated
from llm_relay.mcp.scope_keys import CALLER


class RequireToken:
    """Answers 401 to requests without a valid token, and tells the SDK and the tools who sent the others."""

    def __init__(self, app: ASGIApp, callers: Callers) -> None:
        self._app = app
        self._callers = callers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            caller = await self._callers.caller(Headers(scope=scope).get("authorization"))
        except Unauthenticated as error:
            refusal = PlainTextResponse(f"{error.message}\n", 401, {"WWW-Authenticate": "Bearer"})
            await refusal(scope, receive, send)
            return
        except RelayError as error:  # Server B cannot say whose token it is
            await PlainTextResponse(f"{error.message}\n", 503)(scope, receive, send)
            return
        scope[CALLER] = caller
        # The SDK lets only this user into the session that it opens now.
        scope["user"] = AuthenticatedUser(AccessToken(token="", client_id=caller.name, scopes=[]))
        await self._app(scope, receive, send)


def caller_of(scope: Scope) -> str:
    """Returns the name of the caller that RequireToken found."""
    caller = scope.get(CALLER)
    return caller.name if isinstance(caller, Caller) else ANONYMOUS
