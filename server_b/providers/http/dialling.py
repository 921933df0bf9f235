"""The way to a provider's server: its addresses, a proxy before it, TLS."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable, Mapping
from urllib.request import getproxies, proxy_bypass

import aiohappyeyeballs
from yarl import URL

from llm_relay.addresses import is_loopback_host
from server_b.providers.http.addresses import Addresses
from server_b.providers.http.answer import ConnectionLost, ProxyRefusal
from server_b.providers.http.connection import HttpConnection, field_lines, request_head

CONNECT_TIMEOUT_S = 10.0
"""For a connection with all that it needs: the server's addresses, a proxy's consent, TLS."""
NEXT_ADDRESS_S = 0.25
"""How long an address may take before the next is tried beside it: https://www.rfc-editor.org/rfc/rfc8305#section-5"""


class Dialler:
    """Connects to one server, through the proxy that the environment names for it."""

    def __init__(self, server: URL, create_connection: Callable[[], HttpConnection]) -> None:
        """Raises ValueError that names the variable if the proxy cannot be used."""
        self._server = server
        self._create_connection = create_connection
        # Found out once: asked for each call it would slow them all.
        self._proxy = _proxy_for(server)
        schemes = {server.scheme, self._proxy.scheme if self._proxy else ""}
        self._tls = _create_tls() if "https" in schemes else None
        self._addresses = Addresses(self._proxy or server)

    def target(self, url: URL) -> str:
        """Returns what a request for `url` asks for: of a proxy that can read it, the whole address."""
        return str(url) if self._is_forwarded else url.raw_path_qs

    @property
    def fields(self) -> Mapping[str, str]:
        """What a request has to tell the proxy that can read it."""
        return _credentials(self._proxy) if self._proxy and self._is_forwarded else {}

    @property
    def _is_forwarded(self) -> bool:
        return self._proxy is not None and self._server.scheme == "http"

    async def dial(self) -> HttpConnection:
        """Connects within CONNECT_TIMEOUT_S; raises HttpFailure."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                connection = await self._connect(self._proxy or self._server)
                if self._proxy and self._tls and not self._is_forwarded:
                    await self._tunnel(connection, self._proxy, self._tls)
                return connection
        except (OSError, UnicodeError, RuntimeError) as error:
            # UnicodeError: of a name that no host can have. RuntimeError: uvloop's, at times, for OSError.
            self._addresses.forget()
            raise ConnectionLost from error

    async def _connect(self, to: URL) -> HttpConnection:
        connected = await aiohappyeyeballs.start_connection(
            await self._addresses.get(), happy_eyeballs_delay=NEXT_ADDRESS_S
        )
        tls, name = (self._tls, _certified_name(to)) if to.scheme == "https" else (None, None)
        _, connection = await asyncio.get_running_loop().create_connection(
            self._create_connection, sock=connected, ssl=tls, server_hostname=name
        )
        return connection

    async def _tunnel(self, connection: HttpConnection, proxy: URL, tls: ssl.SSLContext) -> None:
        """Has the proxy pass on what is encrypted for the server."""
        authority = f"{self._server.host_subcomponent}:{self._server.port}"
        try:
            lines = field_lines({"Host": authority, **_credentials(proxy)})
            answer = connection.ask(request_head("CONNECT", authority, lines))
            await answer.head()
            if answer.status // 100 != 2:
                raise ConnectionLost if answer.status // 100 == 5 else ProxyRefusal(answer.status)
            await connection.encrypt(tls, _certified_name(self._server))
        except BaseException:
            connection.abort()
            raise


def _certified_name(url: URL) -> str:
    return (url.raw_host or "").rstrip(".")


def _proxy_for(server: URL) -> URL | None:
    host = server.host or ""
    if is_loopback_host(host) or proxy_bypass(host):
        return None
    proxy = getproxies().get(server.scheme)
    return _checked_proxy(proxy, f"{server.scheme.upper()}_PROXY") if proxy else None


def _checked_proxy(proxy: str, variable: str) -> URL:
    try:
        url = URL(proxy)
    except ValueError:
        raise ValueError(f"{variable}: is not a URL") from None  # that error's text may hold a password
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"{variable}: must begin with http:// or https://, such as http://proxy.example:3128")
    return url


def _credentials(proxy: URL) -> Mapping[str, str]:
    if proxy.user is None:
        return {}
    pair = f"{proxy.user}:{proxy.password or ''}".encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _create_tls() -> ssl.SSLContext:
    # It knows where each system keeps the authorities that it trusts, and heeds SSL_CERT_FILE and SSL_CERT_DIR.
    import httpx2

    return httpx2.create_ssl_context()
