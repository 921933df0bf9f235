"""Translates a request's functions into tools, for both of OpenAI's interfaces."""

from __future__ import annotations

from gateway.openai.bodies.chat import Function
from gateway.openai.bodies.responses import ResponsesTool
from gateway.openai.json_text import json_text
from llm_relay.messages import Tool, ToolChoice, ToolChoiceMode


def tool_of(function: Function | ResponsesTool) -> Tool:
    """Returns the tool of a function. Raises BadParam for a schema that is not valid JSON."""
    schema = function.parameters if function.parameters is not None else {"type": "object", "properties": {}}
    return Tool(
        name=function.name,
        description=function.description or "",
        input_schema_json=json_text(schema, "tools"),
        strict=function.strict,
    )


def tool_choice_of(mode: str | None, name: str | None, *, parallel: bool | None) -> ToolChoice | None:
    """Returns the choice of a mode, or of the function with that name, or None if neither is set."""
    if name is not None:
        return ToolChoice(name=name, parallel=parallel)
    if mode is None and parallel is None:
        return None
    return ToolChoice(mode=ToolChoiceMode(mode or "auto"), parallel=parallel)
