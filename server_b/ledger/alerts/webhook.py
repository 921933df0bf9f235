"""Posts alerts to the operator's URL."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time

import aiohttp
from aiohttp import AddrInfoType

from server_b.ledger.alerts.alert import Alert, DeliveryFailed
from server_b.ledger.alerts.private_addresses import is_private
from server_b.ledger.alerts.signature import HEADER, signature

TIMEOUT_S = 10.0
"""For one delivery, from the DNS lookup to the status of the response."""


class Webhook:
    """Posts alerts to one URL."""

    def __init__(self, url: str, *, secret: str, allow_private: bool, timeout_s: float = TIMEOUT_S) -> None:
        """`allow_private`: whether a private address may be dialled."""
        self._url = url
        self._secret = secret
        self._allow_private = allow_private
        self._timeout_s = timeout_s

    async def post(self, alert: Alert) -> None:
        """Delivers an alert. Any status from 200 to 299 accepts it. Does not follow redirects.

        Raises DeliveryFailed.
        """
        sockets = _Sockets(allow_private=self._allow_private)
        try:
            async with asyncio.timeout(self._timeout_s):
                status = await self._status(alert.body(), sockets)
        except TimeoutError as error:
            raise DeliveryFailed(f"no response within {self._timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise DeliveryFailed(sockets.refusal or _reason(error)) from error
        if not 200 <= status < 300:
            raise DeliveryFailed(f"HTTP status {status}")

    async def _status(self, body: bytes, sockets: _Sockets) -> int:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "grpc-llm-relay",
            HEADER: signature(self._secret, body, at=int(time.time())),
        }
        is_tls = self._url.lower().startswith("https:")
        connector = aiohttp.TCPConnector(
            socket_factory=sockets.create,
            force_close=True,
            ssl=await asyncio.to_thread(_create_tls) if is_tls else True,
        )
        async with (
            aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.post(self._url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            return response.status


class _Sockets:
    """Creates the sockets of one delivery: the last point where an address can be refused."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self.refusal = ""
        """Why an address was not dialled."""

    def create(self, address: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, place = address
        if not self._allow_private and is_private(str(place[0])):
            self.refusal = "its address is private: set ALERT_ALLOW_PRIVATE=true if that is intended"
            raise OSError(self.refusal)
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


def _create_tls() -> ssl.SSLContext:
    import httpx2

    return httpx2.create_ssl_context()


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its host name cannot be resolved"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate cannot be verified"
    if isinstance(error, aiohttp.InvalidURL):
        return "ALERT_WEBHOOK_URL is not a URL"
    return f"the connection failed ({type(error).__name__})"
