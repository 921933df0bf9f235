"""Builds Converse's toolConfig from the tools of a prompt.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolConfiguration.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from llm_relay.messages import Prompt, Tool, ToolCall, ToolChoice, ToolChoiceMode, ToolResult

_ANY_ARGUMENTS = {"type": "object", "properties": {}}
_CHOICES = {ToolChoiceMode.AUTO: "auto", ToolChoiceMode.REQUIRED: "any"}


def tool_config(prompt: Prompt) -> dict[str, Any] | None:
    """Returns the toolConfig; None if there are no tools.

    Bedrock requires tools if the history has calls. If the prompt has none, the tools that were called are named.
    """
    choice = prompt.options.tool_choice
    if prompt.options.tools:
        if choice is not None and choice.mode is ToolChoiceMode.NONE:  # Converse has no such choice
            return None
        specs = [_spec(tool) for tool in prompt.options.tools]
    else:
        specs = [{"name": name, "inputSchema": {"json": _ANY_ARGUMENTS}} for name in _called(prompt)]
    if not specs:
        return None
    config: dict[str, Any] = {"tools": [{"toolSpec": spec} for spec in specs]}
    if choice is not None and choice.mode is not ToolChoiceMode.NONE and not forbids_parallel(prompt):
        config["toolChoice"] = _choice(choice)
    return config


def has_tool_blocks(prompt: Prompt) -> bool:
    """Tells whether the conversation has tool calls or results."""
    turns = (*(turn.parts for turn in prompt.history), prompt.parts)
    return any(isinstance(part, ToolCall | ToolResult) for parts in turns for part in parts)


def forbids_parallel(prompt: Prompt) -> bool:
    """Tells whether the caller allows only one tool call at a time."""
    choice = prompt.options.tool_choice
    return choice is not None and choice.parallel is False


def tool_choice_field(choice: ToolChoice) -> dict[str, Any]:
    """Returns Claude's own field `tool_choice`, for one call at a time.

    It replaces Converse's toolChoice, because Bedrock refuses a request with both.
    """
    field: dict[str, Any] = {"type": _CHOICES[choice.mode]} if choice.name is None else {"type": "tool"}
    if choice.name is not None:
        field["name"] = choice.name
    return {**field, "disable_parallel_tool_use": True}


def _spec(tool: Tool) -> dict[str, Any]:
    spec: dict[str, Any] = {"name": tool.name}
    if tool.description:
        spec["description"] = tool.description
    spec["inputSchema"] = {"json": orjson.Fragment(tool.input_schema_json)}
    if tool.strict is not None:
        spec["strict"] = tool.strict
    return spec


def _choice(choice: ToolChoice) -> dict[str, Any]:
    return {"tool": {"name": choice.name}} if choice.name is not None else {_CHOICES[choice.mode]: {}}


def _called(prompt: Prompt) -> Iterator[str]:
    calls = [part for turn in prompt.history if turn.parts for part in turn.parts if isinstance(part, ToolCall)]
    yield from dict.fromkeys(call.name for call in calls)
