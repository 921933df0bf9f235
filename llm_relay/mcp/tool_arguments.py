"""The arguments of a tool call: leaves out those that clients add by themselves, and checks that a lookup has none.

The other arguments are checked by the tool. A message tool uses `prompt_from_document` in
`llm_relay/documents/prompts/prompt_reading.py`, like HTTP.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Mapping
from typing import Any

from llm_relay.documents.shown_names import shown_name
from llm_relay.errors import MAX_VIOLATIONS, InvalidRequest, Violation

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
"""Arguments that MCP clients add to every tool call, although no tool declares them.

If they were refused, the client could use no tool, and its user could not fix that.
"""


def without_client_extras(
    arguments: Mapping[str, Any], declared: Container[str]
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Returns the arguments without the extras that the tool does not declare, and the names of those, sorted."""
    extras = tuple(sorted(name for name in arguments.keys() & CLIENT_EXTRAS if name not in declared))
    if not extras:
        return arguments, ()
    return {name: value for name, value in arguments.items() if name not in extras}, extras


def refuse_all(arguments: Mapping[str, Any]) -> None:
    """Raises InvalidRequest if a call of a tool without arguments has some."""
    if arguments:
        names = itertools.islice(arguments, MAX_VIOLATIONS + 1)
        raise InvalidRequest.of(
            *(Violation(shown_name(name), "is not a known field; this tool takes none") for name in names)
        )
