"""The HTTP client of the providers: aiohttp's connections, without redirects, cookies or hidden retries."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from llm_relay.errors import RelayError
from llm_relay.trace_context import current_trace
from server_b.providers.http.connections import Connector, leased
from server_b.providers.http.errors import (
    FAILURES,
    answer_failure,
    connect_failure,
    proxy_refusal,
    stale_failure,
    with_asked_before,
)
from server_b.providers.http.limits import DEFAULT_LIMITS, Limits
from server_b.providers.http.proxies import NO_HEADERS, Proxy, proxy_for
from server_b.providers.http.response import Response

_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""Control characters, which must not be in a line of a request's head."""


@dataclass(frozen=True, slots=True)
class _Route:
    """How requests reach one server."""

    server: aiohttp.ClientRequest
    """A request that is never sent: it tells aiohttp where to connect."""
    proxy: Proxy | None
    """A proxy that forwards requests; None: they go to the server, perhaps through a tunnel."""


class HttpClient:
    """Asks servers over kept connections. It sets no time limit on answers: the caller does."""

    def __init__(
        self,
        *servers: str,
        headers: Mapping[str, str] = NO_HEADERS,
        tls: ssl.SSLContext | None = None,
        limits: Limits = DEFAULT_LIMITS,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """`servers` are the URLs that will be asked; `headers` go with every request.

        `tls` has the certificates to trust; None: those that the system trusts. `resolver` looks up the addresses of
        names; None: the system does.
        Raises ValueError that names the variable of a proxy that cannot be used.
        """
        self._headers = headers
        self._limits = limits
        self._resolver = resolver
        self._proxies = {server: proxy_for(server) for server in (URL(text).origin() for text in servers)}
        schemes = {
            url.scheme for server, proxy in self._proxies.items() for url in (server, proxy and proxy.url) if url
        }
        self._tls = _prepared(tls or _create_tls()) if "https" in schemes else None
        self._connector: Connector | None = None
        self._routes: dict[URL, _Route] = {}

    async def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] = NO_HEADERS,
        body: bytes = b"",
        asked_before: list[RelayError] | None = None,
    ) -> Response:
        """Sends a request. Returns the response when its head has arrived; the caller must close it.

        `url` is sent as it is written, including escapes. If a kept connection turns out to be closed, the request is
        sent again on a new one, once; the error of the first sending is added to `asked_before`, and to the error
        raised. Raises ProviderUnavailable or ProviderProtocol; `may_have_worked` is False if nothing was written.
        """
        before = [] if asked_before is None else asked_before
        server = URL(url, encoded=True)
        route = self._route(server.origin())
        request = self._head(method, server, headers, body, route.proxy) + body
        fresh = False
        while True:
            try:
                lease = await self._opened().lease(route.server, fresh=fresh)
            except FAILURES as error:
                raise with_asked_before(
                    before, connect_failure(error, server, timeout_s=self._limits.connect_timeout_s)
                ) from error
            connection = leased(lease)
            try:
                message, content = await connection.exchange(request)
            except FAILURES as error:
                lease.close()
                if fresh or not connection.was_stale:
                    raise with_asked_before(before, answer_failure(error, server)) from error
                before.append(stale_failure(server))
                fresh = True
            except BaseException:
                lease.close()
                raise
            else:
                if stated := message.headers.get("Keep-Alive"):
                    connection.obey_keep_alive(stated)
                response = Response(message, content, lease, server, self._limits)
                if route.proxy is not None and response.status == 407:
                    response.close()
                    raise proxy_refusal(response.status)
                return response

    async def close(self) -> None:
        """Closes all connections, including those in use."""
        if self._connector is not None:
            await self._connector.close()

    def _head(self, method: str, url: URL, headers: Mapping[str, str], body: bytes, proxy: Proxy | None) -> bytes:
        fields = {"Host": url.host_port_subcomponent, **self._headers, **headers}
        if (trace := current_trace()) is not None:
            fields |= trace.metadata
        target = url.raw_path_qs
        if proxy is not None:
            fields |= proxy.headers
            target = str(url)
        if body or method == "POST":
            fields["Content-Length"] = str(len(body))
        lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in fields.items()]]
        if _FORBIDDEN.search("".join(lines)):
            raise ValueError("a header of the request has a control character in it")
        return "\r\n".join([*lines, "", ""]).encode()

    def _opened(self) -> Connector:
        if self._connector is None:
            self._connector = Connector(self._tls, self._limits, self._resolver)
        return self._connector

    def _route(self, server: URL) -> _Route:
        # Looked up once for each server, because each lookup would slow a call.
        route = self._routes.get(server)
        if route is None:
            proxy = self._proxies[server] if server in self._proxies else proxy_for(server)
            route = self._routes[server] = _route(server, proxy, self._headers.get("User-Agent", ""))
        return route


def _route(server: URL, proxy: Proxy | None, user_agent: str) -> _Route:
    if proxy is None:
        return _Route(aiohttp.ClientRequest("GET", server), None)
    if server.scheme == "http":
        return _Route(aiohttp.ClientRequest("GET", server, proxy=proxy.url), proxy)
    # Host is set because aiohttp adds it when it opens a tunnel, and its pool tells connections apart by these headers.
    headers = {"User-Agent": user_agent, **proxy.headers, "Host": server.host_port_subcomponent or ""}
    return _Route(aiohttp.ClientRequest("GET", server, proxy=proxy.url, proxy_headers=headers), None)


def _create_tls() -> ssl.SSLContext:
    # httpx2 knows where each system keeps its trusted authorities, and obeys SSL_CERT_FILE and SSL_CERT_DIR.
    import httpx2

    return httpx2.create_ssl_context()


def _prepared(tls: ssl.SSLContext) -> ssl.SSLContext:
    tls.set_alpn_protocols(["http/1.1"])
    return tls
