"""Refuses requests for other hosts, or from web pages of other origins, against DNS rebinding and other sites."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
MISDIRECTED = 421

logger = logging.getLogger("relay.mcp")


class AllowLists:
    """Checks the Host and Origin of every request, whatever its path. Loopback's names are always allowed."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], origins: Iterable[str]) -> None:
        """`hosts` are `host` (on any port) or `host:port`, `origins` are `scheme://host` or `scheme://host:port`."""
        self._app = app
        self._hosts = frozenset((*LOOPBACK_NAMES, *(host.lower() for host in hosts)))
        self._origins = frozenset(origin.lower() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if len(headers.getlist("host")) > 1 or len(headers.getlist("origin")) > 1:
            await PlainTextResponse("send only one Host and one Origin header\n", 400)(scope, receive, send)
        elif not self._allows_host(headers.get("host", "")):
            await self._refuse("Host", "MCP_ALLOWED_HOSTS", MISDIRECTED)(scope, receive, send)
        elif not self._allows_origin(headers.get("origin", "")):
            await self._refuse("Origin", "MCP_ALLOWED_ORIGINS", 403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _allows_host(self, host: str) -> bool:
        host = host.lower()
        return host in self._hosts or _without_port(host) in self._hosts

    def _allows_origin(self, origin: str) -> bool:
        origin = origin.lower()
        scheme, _, host = origin.partition("://")
        is_loopback = scheme in ("http", "https") and _without_port(host) in LOOPBACK_NAMES
        return not origin or is_loopback or origin in self._origins

    def _refuse(self, header: str, setting: str, status: int) -> PlainTextResponse:
        logger.warning("refused a request: its %s is not in %s", header, setting)
        return PlainTextResponse(f"this {header} is not allowed: add it to {setting}\n", status)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
