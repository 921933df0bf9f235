"""Server A's settings: the only reader of the environment in this program."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llm_relay.program.settings.setting_groups import DialSettings, McpServingSettings


class ServerASettings(DialSettings, McpServingSettings):
    """Server A."""

    mcp_transport: Literal["stdio", "sse", "http"] = Field(
        "stdio", description="Transport of Server A if its command line sets none: stdio, sse or http"
    )
    mcp_port_a: int = Field(
        8001, ge=0, le=65535, description="Port of Server A over SSE and HTTP, 0 to 65535; 0: any free port"
    )
