"""The HTTP client under the providers: aiohttp, with no redirects, no cookies and nothing sent twice unasked."""

from __future__ import annotations

import io
import ssl
from collections.abc import Mapping

import aiohttp
from yarl import URL

from server_b.providers.http.connections import SENDING, Connector, Sending
from server_b.providers.http.failures import FAILURES, answer_failure, connect_failure, proxy_refusal
from server_b.providers.http.proxies import NO_HEADERS, Proxy, proxy_for
from server_b.providers.http.response import Response

CONNECT_TIMEOUT_S = 10.0
"""For a connection with all that it needs: the server's addresses, a proxy's consent, TLS."""
READ_AHEAD_BYTES = 16 * 1024
"""Once twice as much of a body waits for its reader, the connection is no longer read."""
WRITTEN_AT_ONCE_BYTES = 2**20
"""A larger body is written in parts, so that other requests have their turn."""
MAX_LINE_BYTES = 16 * 1024
MAX_FIELD_BYTES = 64 * 1024
MAX_FIELDS = 512
OUR_OWN_FIELDS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""What aiohttp would add to a head by itself."""


class HttpClient:
    """Asks servers over connections that it keeps, and waits for answers without limit: who asks bounds the time."""

    def __init__(
        self, *servers: str, headers: Mapping[str, str] = NO_HEADERS, tls: ssl.SSLContext | None = None
    ) -> None:
        """`servers` are the URLs that will be asked; `headers` go with every request.

        `tls` says which certificates are trusted; None: those that the system trusts.
        Raises ValueError that names the variable of a proxy that cannot be used.
        """
        self._headers = headers
        self._proxies = {server: proxy_for(server) for server in (URL(text).origin() for text in servers)}
        schemes = {
            url.scheme for server, proxy in self._proxies.items() for url in (server, proxy and proxy.url) if url
        }
        self._tls = _prepared(tls or _create_tls()) if "https" in schemes else None
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, method: str, url: str, headers: Mapping[str, str] = NO_HEADERS, body: bytes = b"") -> Response:
        """Sends a request; returns the response, to be closed, when its head has come.

        `url` goes out as it is written, escapes included. A kept connection that turns out to be closed is replaced
        once. Raises ProviderUnavailable or ProviderProtocol; `may_have_worked` is False where nothing was written.
        """
        server = URL(url, encoded=True)
        sending = Sending()
        while True:
            previous = SENDING.set(sending)
            try:
                response = await self._send(method, server, headers, body)
            except FAILURES as error:
                if sending.connection is None:
                    raise connect_failure(error, server, timeout_s=CONNECT_TIMEOUT_S) from error
                if sending.fresh or not sending.connection.was_stale:
                    raise answer_failure(error, server) from error
                sending = Sending(fresh=True)
            else:
                if sending.connection is not None and (stated := response.headers.get("Keep-Alive")):
                    sending.connection.heed_keep_alive(stated)
                return Response(response, server)
            finally:
                SENDING.reset(previous)

    async def _send(self, method: str, server: URL, headers: Mapping[str, str], body: bytes) -> aiohttp.ClientResponse:
        proxy = self._proxy(server)
        is_forwarded = proxy is not None and server.scheme == "http"
        response = await self._opened().request(
            method,
            server,
            headers={**headers, **proxy.headers} if proxy and is_forwarded else headers,
            data=io.BytesIO(body) if len(body) > WRITTEN_AT_ONCE_BYTES else body or None,
            allow_redirects=False,
            proxy=proxy.url if proxy else None,
            proxy_headers=proxy.headers if proxy and not is_forwarded else None,
        )
        if is_forwarded and response.status == 407:
            response.close()
            raise proxy_refusal(response.status)
        return response

    async def close(self) -> None:
        """Closes the connections, those in use too."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=Connector(self._tls),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self._headers,
                skip_auto_headers=OUR_OWN_FIELDS,
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S),
                read_bufsize=READ_AHEAD_BYTES,
                max_line_size=MAX_LINE_BYTES,
                max_field_size=MAX_FIELD_BYTES,
                max_headers=MAX_FIELDS,
            )
        return self._session

    def _proxy(self, server: URL) -> Proxy | None:
        # Found out once for each server: asked for each call it would slow them all.
        origin = server.origin()
        if origin not in self._proxies:
            self._proxies[origin] = proxy_for(origin)
        return self._proxies[origin]


def _create_tls() -> ssl.SSLContext:
    # It knows where each system keeps the authorities that it trusts, and heeds SSL_CERT_FILE and SSL_CERT_DIR.
    import httpx2

    return httpx2.create_ssl_context()


def _prepared(tls: ssl.SSLContext) -> ssl.SSLContext:
    tls.set_alpn_protocols(["http/1.1"])
    return tls
