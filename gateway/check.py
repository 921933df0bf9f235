"""`python -m gateway check`: checks the gateway's settings, and that Server B replies, line by line."""

from __future__ import annotations

from collections.abc import AsyncIterator

from gateway.port_check import gateway_port_finding
from gateway.settings import GatewaySettings
from llm_relay.addresses import is_loopback_host
from llm_relay.check.certificate_findings import http_tls_findings
from llm_relay.check.findings import Finding
from llm_relay.check.listening_findings import exposure_finding
from llm_relay.check.report import check as check_settings
from llm_relay.check.server_b_findings import server_b_findings
from llm_relay.client.caller_check import needs_token

SETTINGS = GatewaySettings


async def check() -> int:
    """Prints what is right and what is wrong; returns the exit code."""
    return await check_settings(SETTINGS, findings)


async def findings(settings: GatewaySettings) -> AsyncIterator[Finding]:
    """Yields what is right and wrong with the settings, and with the Server B that they name."""
    async for finding in own_findings(settings):
        yield finding
    async for finding in server_b_findings(settings.dial):
        yield finding


async def own_findings(settings: GatewaySettings) -> AsyncIterator[Finding]:
    """Yields what is right and wrong with the settings alone."""
    needs = not settings.tokens and not is_loopback_host(settings.http_host) and await needs_token(settings.dial)
    yield exposure_finding(settings.http_host, "HTTP_HOST", settings, tls=settings.serves_tls, has_ledger_token=needs)
    for finding in http_tls_findings(settings):
        yield finding
    yield await gateway_port_finding(settings)
