"""Checks whether the gateway's port is free, or in use by a gateway."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from gateway.settings import GatewaySettings
from llm_relay.addresses import near_host, shown_address
from llm_relay.check.findings import Finding, failure, ok
from llm_relay.check.listening_findings import port_finding

TIMEOUT_S = 5.0
_READ_BYTES = 4096
_TITLE = b"<title>Relay gateway</title>"
"""The title of /docs, which needs no token and no Server B."""


async def gateway_port_finding(settings: GatewaySettings) -> Finding:
    """Returns whether the gateway can listen on its port, or already does."""
    found = port_finding(settings.http_host, settings.http_port, "HTTP_HOST", "HTTP_PORT")
    if found:
        return found
    where = shown_address(settings.http_host, settings.http_port)
    if await _is_gateway(settings):
        return ok(f"HTTP_PORT: a gateway uses {where}")
    return failure(
        f"HTTP_PORT: {where} is in use, and no gateway answers there:"
        " stop the program that uses it, or set HTTP_PORT to another port"
    )


async def _is_gateway(settings: GatewaySettings) -> bool:
    host = near_host(settings.http_host)
    request = f"GET /docs HTTP/1.1\r\nHost: {shown_address(host, settings.http_port)}\r\nConnection: close\r\n\r\n"
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        async with asyncio.timeout(TIMEOUT_S):
            tls = _tls() if settings.serves_tls else None
            reader, writer = await asyncio.open_connection(host, settings.http_port, ssl=tls)
            try:
                writer.write(request.encode())
                return _TITLE in await reader.read(_READ_BYTES) + await reader.read(_READ_BYTES)
            finally:
                writer.transport.abort()
    return False


def _tls() -> ssl.SSLContext:
    # Another finding checks the certificate, which need not be valid for the name that is used here.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
