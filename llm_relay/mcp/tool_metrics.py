"""Metrics of tool calls, by tool and reason, if metrics are published."""

from __future__ import annotations

from collections.abc import Callable

from llm_relay.program.metrics.publishing import is_metered

SUCCESS = "success"

Count = Callable[[str, str], None]
"""Counts a call that has ended, by the tool's name and the reason."""


def create_count(server: str) -> Count:
    """Returns the function that counts the tool calls of the MCP server with this name, such as Server A."""
    if not is_metered():
        return lambda _tool, _reason: None
    from prometheus_client import Counter

    calls = Counter("relay_mcp_tool_calls", "MCP tool calls that have ended.", ("program", "tool", "reason"))
    program = server.lower().replace(" ", "_")
    return lambda tool, reason: calls.labels(program, tool, reason).inc()
