"""Routes by path, with and without a trailing slash."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Paths:
    """Sends each request to its path's application; 404 for other paths.

    Never redirects: behind a proxy that ends TLS, the redirect would lead to http://, and clients drop the token.
    """

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        """The paths of `apps` have no trailing slash."""
        self._apps = apps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._apps.get(scope["path"].removesuffix("/"))
        if app is None:
            app = PlainTextResponse(f"not found; MCP is served at {', '.join(self._apps)}\n", 404)
        await app(scope, receive, send)
