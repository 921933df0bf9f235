"""Arguments that MCP clients add to every tool call, although no tool declares them.

If they were refused, the client could use no tool, and its user could not fix that.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

CLIENT_EXTRAS = frozenset(
    {
        "toolCallId",  # n8n's AI Agent: https://github.com/n8n-io/n8n/issues/21500
        "tool",  # the key by which it routes calls to tools: https://github.com/n8n-io/n8n/pull/35067
        "sessionId",  # n8n's chat trigger passes its own item on: https://github.com/n8n-io/n8n/issues/22787
        "action",
        "chatInput",
        "_sessionID",  # SiYuan: https://github.com/siyuan-note/siyuan/issues/17927
        "_meta",  # belongs beside the arguments, but gateways copy it into them
    }
)


def without_client_extras(
    arguments: Mapping[str, Any], declared: Container[str]
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Returns the arguments without the extras that the tool does not declare, and the names of those, sorted."""
    extras = tuple(sorted(name for name in arguments.keys() & CLIENT_EXTRAS if name not in declared))
    if not extras:
        return arguments, ()
    return {name: value for name, value in arguments.items() if name not in extras}, extras
