"""Who may come in: ASGI middleware that refuses a request before its body is read."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from llm_relay.addresses import is_loopback_host
from llm_relay.errors import PermissionDenied
from llm_relay.tokens import ANONYMOUS, Tokens

OPEN_PATHS = frozenset({"/health"})
"""Need no token: whoever watches over a server has none."""


class Guard:
    """Refuses requests beyond loopback without tokens or TLS, from foreign web pages, and without a valid token.

    What passes has its caller's name in the request's state, as `caller`.
    """

    def __init__(self, app: ASGIApp, *, tokens: Tokens, insecure: bool, origins: Collection[str]) -> None:
        """`insecure` as RELAY_INSECURE, `origins` as CORS_ORIGINS."""
        self._app = app
        self._tokens = tokens
        self._insecure = insecure
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            self._check_exposure(scope)
            self._check_origin(scope, headers)
            scope["state"]["caller"] = self._caller(scope, headers)
        await self._app(scope, receive, send)

    def _check_exposure(self, scope: Scope) -> None:
        safe = self._tokens and scope["scheme"] == "https"
        if safe or self._insecure or not _is_beyond_loopback(scope.get("server")):
            return
        raise PermissionDenied(
            "this gateway is reached beyond loopback, which needs tokens (RELAY_TOKENS) and TLS (HTTP_TLS_CERT_FILE,"
            " HTTP_TLS_KEY_FILE), or RELAY_INSECURE=true on a trusted network"
        )

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """Keeps web pages from spending money: without tokens, any page can post to the machine that shows it."""
        origin = headers.get("origin")
        if self._tokens or origin is None or scope["method"] != "POST" or self._origins & {origin, "*"}:
            return
        if not _is_own_origin(origin, headers.get("host", "")):
            raise PermissionDenied(
                "web pages of this origin may not call the gateway; CORS_ORIGINS names those that may"
            )

    def _caller(self, scope: Scope, headers: Headers) -> str:
        if scope["path"].removeprefix(scope.get("root_path", "")) in OPEN_PATHS:
            return ANONYMOUS
        return self._tokens.caller(headers.get("authorization"))


@functools.lru_cache
def _is_beyond_loopback(server: tuple[str, int | None] | None) -> bool:
    """Tells it from the address that the connection came in on, as the HTTP server gives it."""
    if server is None:
        return True
    host, port = server
    # No port: a Unix socket. A name: an application that is called in its own process, by a test for one.
    return port is not None and _is_ip_address(host) and not is_loopback_host(host)


def _is_own_origin(origin: str, host: str) -> bool:
    """Tells whether a page comes from this machine, or from the gateway itself as /docs does.

    A name proves neither: its owner can have it mean any address (DNS rebinding).
    """
    try:
        page = urlsplit(origin)
    except ValueError:
        return False
    name = page.hostname or ""
    return is_loopback_host(name) or (page.netloc == host and _is_ip_address(name))


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
