"""Checks the Host header: a web page can point its own name at any address, even this machine's (DNS rebinding)."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors.error_writer import error_response
from llm_relay.addresses import host_name, is_loopback_host
from llm_relay.errors import InvalidRequest, PermissionDenied, RelayError, Violation

Server = tuple[str, int | None] | None
"""The local address of a request's connection, as the HTTP server reports it; no port: a Unix socket."""

_NOT_ALLOWED = PermissionDenied(
    "this Host header is not accepted; HTTP_ALLOWED_HOSTS lists those that are, besides loopback names and the"
    " gateway's own address"
)
_NO_SINGLE_HOST = InvalidRequest.of(Violation("Host", "must be sent exactly once"))


class HostCheck:
    """Refuses a request whose host is not a loopback name, not the gateway's own address, and not listed."""

    def __init__(self, app: ASGIApp, *, allowed: Iterable[str]) -> None:
        """`allowed` contains `host` for any port, or `host:port`; `*` allows all."""
        self._app = app
        self._allowed = frozenset(host.lower() for host in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._fault(scope) if scope["type"] == "http" else None
        if fault is None:
            await self._app(scope, receive, send)
            return
        error, status = fault
        await error_response(scope, error, status=status)(scope, receive, send)

    def _fault(self, scope: Scope) -> tuple[RelayError, int] | None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) == 1:
            server = scope.get("server")
            host = hosts[0].decode("latin-1")
            return None if _is_allowed(host, server and tuple(server), self._allowed) else (_NOT_ALLOWED, 403)
        # HTTP/1.0 has no Host header. A browser always sends one.
        return None if not hosts and scope["http_version"] == "1.0" else (_NO_SINGLE_HOST, 400)


@functools.lru_cache(maxsize=256)
def _is_allowed(host: str, server: Server, allowed: frozenset[str]) -> bool:
    host = host.lower()
    name = host_name(host)
    is_own = server is not None and server[1] is not None and _is_same_address(name, server[0])
    if name.startswith("[") is not name.endswith("]"):
        return False
    return is_own or is_loopback_host(name) or not allowed.isdisjoint((host, name, "*"))


def _is_same_address(name: str, address: str) -> bool:
    try:
        return ipaddress.ip_address(name.strip("[]")) == ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
