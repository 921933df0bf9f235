"""Serves a program's MCP tools as its settings say: checks the exposure, announces the start, serves."""

from __future__ import annotations

import asyncio
import logging
from signal import Signals
from typing import Literal

from llm_relay.addresses import shown_address
from llm_relay.caller_tokens import Callers
from llm_relay.mcp.serving import serve_http, serve_stdio
from llm_relay.mcp.tool_server import ToolServer
from llm_relay.program.settings.allow_lists import listed, listed_origins
from llm_relay.program.settings.exposure import check_exposure
from llm_relay.program.settings.setting_groups import McpServingSettings
from llm_relay.tls.http_server import http_certificates

McpTransport = Literal["stdio", "sse", "http"]

logger = logging.getLogger("relay")


async def serve_tools(
    tools: ToolServer,
    transport: McpTransport,
    settings: McpServingSettings,
    signals: asyncio.Queue[Signals],
    *,
    callers: Callers,
    has_tokens: bool,
    name: str,
    port: int,
    port_setting: str,
    note: str = "",
) -> int:
    """Serves the tools until their client leaves, or until one of `signals`. Returns the exit code.

    Over HTTP, `callers` identifies callers, and `has_tokens` says whether they need a token. `name` and `note` are for
    the start line. `port_setting` is the name of the setting that holds `port`. Raises SettingsError or ValueError,
    naming the setting, if the tools must not or cannot be served.
    """
    announcement = f"Starting {name} (MCP) with {transport.upper()} transport"
    if transport == "stdio":
        logger.info("%s%s", announcement, note)
        await serve_stdio(tools, signals, settings.max_message_bytes)
        return 0
    from llm_relay.mcp.http.endpoint import HttpEndpoint

    certificates = http_certificates(settings.http_tls_cert_file, settings.http_tls_key_file)
    has_tls, insecure = certificates is not None, settings.relay_insecure
    check_exposure(settings.mcp_host, "MCP_HOST", tokens=has_tokens, tls=has_tls, insecure=insecure)
    endpoint = HttpEndpoint(
        host=settings.mcp_host,
        port=port,
        port_setting=port_setting,
        allowed_hosts=listed(settings.mcp_allowed_hosts),
        allowed_origins=listed_origins(settings.mcp_allowed_origins),
        callers=callers,
        certificates=certificates,
        max_message_bytes=settings.max_message_bytes,
        drain_s=settings.drain_seconds,
        stall_s=settings.stall_seconds,
    )

    def announce(host: str, port: int) -> None:
        logger.info("%s on %s%s", announcement, shown_address(host, port), note)

    return await serve_http(tools, signals, transport, endpoint, announce)
