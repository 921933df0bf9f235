"""Builds the members of a chat completion's body from a prompt's options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from llm_relay.messages import Options, ResponseFormat, ResponseKind, Sampling, Tool, ToolChoice
from server_b.providers.openai.request.provider_options import own_options
from server_b.providers.openai.request.schema_name import SCHEMA_NAME


def options_members(options: Options, *, is_vendor: bool) -> Iterator[tuple[str, Any]]:
    """Yields the members; `is_vendor` is True for OpenAI's own endpoint, False for other servers with its API."""
    if options.tools:
        yield "tools", [_tool(tool) for tool in options.tools]
    if options.tool_choice is not None and options.tools:
        yield from _tool_choice(options.tool_choice)
    if options.response_format is not None and options.response_format.kind is not ResponseKind.TEXT:
        yield "response_format", _response_format(options.response_format)
    if options.sampling is not None:
        yield from _sampling(options.sampling)
    if options.thinking is not None and options.thinking.effort:
        yield "reasoning_effort", options.thinking.effort
    if options.service_tier:
        yield "service_tier", options.service_tier
    if options.end_user:
        yield "safety_identifier" if is_vendor else "user", options.end_user
    yield from own_options(options, is_vendor=is_vendor)


def _sampling(sampling: Sampling) -> Iterator[tuple[str, Any]]:
    for name in ("top_p", "seed", "frequency_penalty", "presence_penalty"):
        if (value := getattr(sampling, name)) is not None:
            yield name, value
    if sampling.stop:
        yield "stop", list(sampling.stop)


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = orjson.Fragment(tool.input_schema_json)
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _tool_choice(choice: ToolChoice) -> Iterator[tuple[str, Any]]:
    if choice.name is not None:
        yield "tool_choice", {"type": "function", "function": {"name": choice.name}}
    else:
        yield "tool_choice", choice.mode.value
    if choice.parallel is not None:
        yield "parallel_tool_calls", choice.parallel


def _response_format(wanted: ResponseFormat) -> dict[str, Any]:
    if wanted.kind is ResponseKind.JSON:
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": wanted.name or SCHEMA_NAME, "schema": orjson.Fragment(wanted.schema_json)}
    if wanted.strict is not None:
        schema["strict"] = wanted.strict
    return {"type": "json_schema", "json_schema": schema}
