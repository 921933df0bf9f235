"""ASGI middleware: gives all errors of OpenAI's paths OpenAI's shape, and adds the rate headers."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors.error_writer import use_writer
from gateway.openai.errors import openai_error_response
from gateway.openai.paths import is_openai_path
from gateway.openai.rate_headers import with_rates


class OpenAIErrorShape:
    """Sets the shape of a request's errors before any other middleware can refuse the request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_openai_path(scope["path"].removeprefix(scope.get("root_path", ""))):
            use_writer(scope, openai_error_response)
            send = with_rates(scope, send)
        await self._app(scope, receive, send)
