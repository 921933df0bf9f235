"""ASGI middleware that authenticates the caller before the request's body is read."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.requests.request_header import header
from gateway.session_cookie import SIGN_IN_PATH, check_csrf, is_api, is_page, session_secret
from llm_relay.addresses import is_loopback_host
from llm_relay.caller_tokens import ANONYMOUS, LEDGER_PREFIX, Caller, Callers, ledger_token
from llm_relay.errors import PermissionDenied

OPEN_PATHS = frozenset({"/health", "/docs"})
"""Paths without a token: monitors have none, and a browser sends none when it opens a page."""
OPEN_PREFIX = "/docs/"
_ANYBODY = Caller(ANONYMOUS)
_READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Authentication:
    """Refuses requests without a token, from web pages of other origins, and beyond loopback without tokens and TLS.

    Stores the caller in the request's state, as `caller`.
    """

    def __init__(
        self, app: ASGIApp, *, callers: Callers, has_tokens: bool, insecure: bool, origins: Collection[str]
    ) -> None:
        """`has_tokens`: whether RELAY_TOKENS is set. `insecure` is RELAY_INSECURE, `origins` is CORS_ORIGINS."""
        self._app = app
        self._callers = callers
        self._has_tokens = has_tokens
        self._insecure = insecure
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._check_exposure(scope)
            self._check_origin(scope)
            scope["state"]["caller"] = await self._caller(scope)
        await self._app(scope, receive, send)

    def _check_exposure(self, scope: Scope) -> None:
        # Server B checks a token of its ledger. The pages show nothing until their user has signed in with a token.
        is_open = is_page(_path(scope)) or _path(scope) == SIGN_IN_PATH
        has_token = self._has_tokens or bool(ledger_token(_authorization(scope))) or is_open
        is_safe = has_token and scope["scheme"] == "https"
        if is_safe or self._insecure or not _is_beyond_loopback(scope.get("server")):
            return
        raise PermissionDenied(
            "this request did not arrive over loopback, so it needs a token (of RELAY_TOKENS or the ledger) and"
            " TLS (HTTP_TLS_CERT_FILE, HTTP_TLS_KEY_FILE), or RELAY_INSECURE=true on a trusted network"
        )

    def _check_origin(self, scope: Scope) -> None:
        """Stops web pages from spending money: any page can post to the machine that shows it.

        The gateway's own page has the request's Host as its origin. HostCheck has accepted that name.
        """
        origin = header(scope, b"origin")
        if origin is None or origin.partition("://")[2] == header(scope, b"host"):
            return
        if is_api(_path(scope)):
            raise PermissionDenied("only the gateway's own page may call /ui/api; CORS_ORIGINS is for the other routes")
        if scope["method"] not in _READING_METHODS and not self._origins & {origin, "*"}:
            raise PermissionDenied(
                "web pages of this origin may not call the gateway; CORS_ORIGINS lists the origins that may"
            )

    async def _caller(self, scope: Scope) -> Caller:
        path = _path(scope)
        signs_in = path == SIGN_IN_PATH and scope["method"] == "POST"
        if is_api(path) and not signs_in:
            check_csrf(scope, session_secret(scope))
        if path in OPEN_PATHS or path.startswith(OPEN_PREFIX) or is_page(path) or path == SIGN_IN_PATH:
            return _ANYBODY
        return await self._callers.caller(_authorization(scope))


def _path(scope: Scope) -> str:
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path


def _authorization(scope: Scope) -> str | None:
    """Returns the caller's credentials. Under /ui/api only the session cookie counts, and it counts nowhere else."""
    if not is_api(_path(scope)):
        return header(scope, b"authorization")
    secret = session_secret(scope)
    return f"Bearer {secret}" if secret.startswith(LEDGER_PREFIX) else None


@functools.lru_cache
def _is_beyond_loopback(server: tuple[str, int | None] | None) -> bool:
    """Decides by the local address of the connection, as the HTTP server reports it."""
    if server is None:
        return True
    host, port = server
    # No port: a Unix socket. A name: an in-process call, such as from a test.
    return port is not None and _is_ip_address(host) and not is_loopback_host(host)


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
