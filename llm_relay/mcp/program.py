"""What both MCP programs do with their settings: announce themselves, check the exposure, serve."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable
from typing import Literal

from llm_relay.mcp.serving import serve_http, serve_stdio
from llm_relay.mcp.tools import ToolServer
from llm_relay.program.settings import McpServingSettings, check_exposure
from llm_relay.tls.http import http_certificates

McpTransport = Literal["stdio", "sse", "http"]

logger = logging.getLogger("relay")


async def serve(
    tools: ToolServer, transport: McpTransport, settings: McpServingSettings, *, name: str, port: int, port_name: str
) -> int:
    """Serves the tools until told to stop; returns the exit code.

    `name` is announced on stderr, `port_name` is the setting of `port`. Raises SettingsError or ValueError, naming
    the setting, for what must not or cannot be served.
    """
    announce = _announcing(settings, f"Starting {name} (MCP) with {transport.upper()} transport")
    if transport == "stdio":
        announce("")
        await serve_stdio(tools)
        return 0
    from llm_relay.mcp.http import Door

    certificates = http_certificates(settings.http_tls_cert_file, settings.http_tls_key_file)
    check_exposure(
        settings.mcp_host,
        "MCP_HOST",
        tokens=bool(settings.tokens),
        tls=certificates is not None,
        insecure=settings.relay_insecure,
    )
    door = Door(
        host=settings.mcp_host,
        port=port,
        port_name=port_name,
        allowed_hosts=_listed(settings.mcp_allowed_hosts),
        allowed_origins=_listed(settings.mcp_allowed_origins),
        tokens=settings.tokens,
        certificates=certificates,
        max_message_bytes=settings.max_message_bytes,
        drain_s=settings.drain_seconds,
        stall_s=settings.stall_seconds,
    )
    return await serve_http(tools, transport, door, lambda host, port: announce(f" on {host}:{port}"))


def _announcing(settings: McpServingSettings, text: str) -> Callable[[str], None]:
    def announce(where: str) -> None:
        if settings.log_format == "json":
            logger.info("%s%s", text, where)
        else:
            with contextlib.suppress(OSError):  # a full disk for one, where the log goes on without lines too
                sys.stderr.write(f"{text}{where}\n")

    return announce


def _listed(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())
