"""`python -m server_a check`: checks Server A's settings, and whether Server B answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

from llm_relay.addresses import is_loopback_host, shown_address
from llm_relay.check.certificate_findings import http_tls_findings
from llm_relay.check.findings import Finding, ok, warning
from llm_relay.check.listening_findings import exposure_finding, port_finding
from llm_relay.check.report import check as check_settings
from llm_relay.check.server_b_findings import server_b_findings
from llm_relay.client.caller_check import needs_token
from server_a.settings import ServerASettings

SETTINGS = ServerASettings


async def check() -> int:
    """Writes the findings to stdout. Returns the exit code."""
    return await check_settings(SETTINGS, findings)


async def findings(settings: ServerASettings) -> AsyncIterator[Finding]:
    """Yields findings about the settings, and about the Server B that they name."""
    async for finding in own_findings(settings):
        yield finding
    async for finding in server_b_findings(settings.dial):
        yield finding


async def own_findings(settings: ServerASettings) -> AsyncIterator[Finding]:
    """Yields findings about the settings alone."""
    if settings.mcp_transport == "stdio":
        yield ok("MCP_TRANSPORT: stdio, for a client that starts Server A itself")
        return
    needs = not settings.tokens and not is_loopback_host(settings.mcp_host) and await needs_token(settings.dial)
    tls = bool(settings.http_tls_cert_file)
    yield exposure_finding(settings.mcp_host, "MCP_HOST", settings, tls=tls, has_ledger_token=needs)
    for finding in http_tls_findings(settings):
        yield finding
    yield _port_finding(settings)


def _port_finding(settings: ServerASettings) -> Finding:
    host, port = settings.mcp_host, settings.mcp_port_a
    found = port_finding(host, port, "MCP_HOST", "MCP_PORT_A")
    where = shown_address(host, port)
    return found or warning(f"MCP_PORT_A: {where} is in use: unless Server A uses it, set MCP_PORT_A to another port")
