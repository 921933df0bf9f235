"""`python -m server_a check`: checks Server A's settings, and whether Server B answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

from llm_relay.check.certificate_findings import http_tls_findings
from llm_relay.check.findings import Finding, ok
from llm_relay.check.listening_findings import exposure_finding
from llm_relay.check.report import check as check_settings
from llm_relay.check.server_b_findings import server_b_findings
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
    yield exposure_finding(settings.mcp_host, "MCP_HOST", settings, tls=bool(settings.http_tls_cert_file))
    for finding in http_tls_findings(settings):
        yield finding
