"""The way to OpenAI, or to a server that speaks as it does: no retries, no redirects, no cookies.

It stands on aiohttp alone. The openai SDK's own client cost more for a request than all else that the relay does
for one, and its import more than the rest of a start; it asks the tests' stand-in instead, to prove that one true.
"""

from __future__ import annotations

import contextlib
import ssl
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from server_b.providers.openai_errors import BadStatus
from transport import VERSION
from transport.addresses import is_loopback_host
from transport.errors import ProviderProtocol

VENDOR_URL = "https://api.openai.com/v1"
CONNECT_TIMEOUT_S = 10.0
KEEPALIVE_S = 30.0
MAX_DOCUMENT_BYTES = 64 * 2**20
"""The largest whole answer."""
STREAM_HEADERS = {"Accept": "text/event-stream"}


class OpenAIClient:
    """Sends requests below one base URL, and waits for answers without limit: who asks bounds the time."""

    def __init__(self, api_key: str, base_url: str) -> None:
        """An empty `base_url` is the vendor's. Raises ValueError that names the variable which cannot be used.

        To be made on the running event loop.
        """
        key, self.base_url = _checked_key(api_key), _checked_url(base_url)
        self._completions, self._models = self.base_url / "chat/completions", self.base_url / "models"
        self._proxy = _proxy(self.base_url)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S, ssl=_ssl(self.base_url)),
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "Authorization": f"Bearer {key}",
                "Accept": "application/json",
                # Compressed, the words of a stream would wait in the server for more of their kind.
                "Accept-Encoding": "identity",
                "Content-Type": "application/json",
                "User-Agent": f"grpc-llm-relay/{VERSION}",
            },
        )

    async def complete(self, body: bytes, *, stream: bool) -> aiohttp.ClientResponse:
        """Asks for a chat completion; returns the answer, to be closed, when its head has come.

        Raises BadStatus, or aiohttp's ClientError.
        """
        response = await self._session.post(
            self._completions,
            data=body,
            headers=STREAM_HEADERS if stream else None,
            proxy=self._proxy,
            allow_redirects=False,
        )
        return await _good(response)

    async def list_models(self) -> aiohttp.ClientResponse:
        """Asks for the list of models; returns and raises as `complete` does."""
        return await _good(await self._session.get(self._models, proxy=self._proxy, allow_redirects=False))

    async def close(self) -> None:
        """Closes the connections."""
        await self._session.close()


async def read_document(response: aiohttp.ClientResponse) -> bytes:
    """Reads the body of an answer; raises ProviderProtocol for one that is too large, or aiohttp's ClientError."""
    body = bytearray()
    async for block in response.content.iter_any():
        body += block
        if len(body) > MAX_DOCUMENT_BYTES:
            raise ProviderProtocol("the provider's answer is too large")
    return bytes(body)


async def _good(response: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
    if response.status // 100 == 2:
        return response
    try:
        body = b""
        with contextlib.suppress(aiohttp.ClientError):  # the status says enough
            body = await read_document(response)
    finally:
        response.close()
    raise BadStatus(response.status, response.headers, body)


def _checked_key(api_key: str) -> str:
    key = api_key.strip()
    if not key:
        raise ValueError(
            "OPENAI_API_KEY: is needed for AI_PROVIDER=openai: set it (any word, if the server of OPENAI_BASE_URL "
            "takes no key), or AI_PROVIDER=mock"
        )
    if not (key.isascii() and key.isprintable()):
        raise ValueError("OPENAI_API_KEY: holds characters that no key has: copy it again")
    return key


def _checked_url(base_url: str) -> URL:
    try:
        url = URL(base_url.strip() or VENDOR_URL)
    except ValueError as error:
        raise ValueError("OPENAI_BASE_URL: is not a URL") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("OPENAI_BASE_URL: must begin with http:// or https://, such as http://127.0.0.1:8080/v1")
    if url.user or url.password or url.query_string or url.fragment:
        raise ValueError("OPENAI_BASE_URL: must have no user name, query or fragment")
    return url


def _proxy(url: URL) -> str | None:
    """Finds the proxy that the environment names for an address, once: asked for each call it would slow them all."""
    host = url.host or ""
    if is_loopback_host(host) or proxy_bypass(host):
        return None
    proxy = getproxies().get(url.scheme)
    if proxy and not proxy.startswith(("http://", "https://")):
        raise ValueError(f"{url.scheme.upper()}_PROXY: must begin with http:// or https://")
    return proxy


def _ssl(url: URL) -> ssl.SSLContext | bool:
    if url.scheme != "https":
        return True
    # It knows where each system keeps the authorities that it trusts, and heeds SSL_CERT_FILE and SSL_CERT_DIR.
    import httpx2

    return httpx2.create_ssl_context()
