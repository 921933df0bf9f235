"""Builds the body of a request to the Responses API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from llm_relay.messages import NO_OPTIONS, Options, Prompt, ResponseFormat, ResponseKind, Thinking, Tool, ToolChoice
from server_b.providers.base import Defaults
from server_b.providers.openai.refused_defaults import DEFAULT_LIMIT, INCLUDE, OUTPUT_LIMIT, SUMMARY, Refused
from server_b.providers.openai.request.provider_options import own_options
from server_b.providers.openai.request.schema_name import SCHEMA_NAME
from server_b.providers.openai.responses.input_items import input_items

Member = tuple[str, Any]
ENCRYPTED_REASONING = "reasoning.encrypted_content"


def response_body(
    prompt: Prompt, model: str, defaults: Defaults, refused: Refused, *, is_vendor: bool = True
) -> dict[str, object]:
    """Returns the body of POST /responses, without what is `refused`, unless the caller asked for it.

    The provider stores nothing, so reasoning is requested encrypted, to be sent back in the next request.
    """
    body: dict[str, object] = {"model": model, "input": input_items(prompt), "store": False}
    if prompt.context and prompt.context.strip():
        body["instructions"] = prompt.context
    if INCLUDE not in refused:
        body["include"] = [ENCRYPTED_REASONING]
    if prompt.temperature is not None:
        body["temperature"] = prompt.temperature
    elif "temperature" not in refused:
        body["temperature"] = defaults.temperature
    if prompt.max_tokens is not None:
        body[OUTPUT_LIMIT] = prompt.max_tokens
    elif OUTPUT_LIMIT not in refused and DEFAULT_LIMIT not in refused:
        body[OUTPUT_LIMIT] = defaults.max_tokens
    body["stream"] = "stream" not in refused
    if prompt.options is not NO_OPTIONS:
        body.update(_options(prompt.options, refused, is_vendor=is_vendor))
    return body


def _options(options: Options, refused: Refused, *, is_vendor: bool) -> Iterator[Member]:
    if options.tools:
        yield "tools", [_tool(tool) for tool in options.tools]
    if options.tool_choice is not None and options.tools:
        yield from _tool_choice(options.tool_choice)
    if options.sampling is not None and options.sampling.top_p is not None:
        yield "top_p", options.sampling.top_p
    if options.thinking is not None and options.thinking.effort:
        yield "reasoning", _reasoning(options.thinking, refused)
    if options.service_tier:
        yield "service_tier", options.service_tier
    if options.end_user:
        yield "safety_identifier" if is_vendor else "user", options.end_user
    own = dict(own_options(options, is_vendor=is_vendor))
    text = dict(_text(options.response_format))
    if "verbosity" in own:
        text["verbosity"] = own.pop("verbosity")
    if text:
        yield "text", text
    yield from own.items()


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"type": "function", "name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = orjson.Fragment(tool.input_schema_json)
    # Strict is the default here, unlike in chat completions, and would make every optional argument required.
    function["strict"] = bool(tool.strict)
    return function


def _tool_choice(choice: ToolChoice) -> Iterator[Member]:
    if choice.name is not None:
        yield "tool_choice", {"type": "function", "name": choice.name}
    else:
        yield "tool_choice", choice.mode.value
    if choice.parallel is not None:
        yield "parallel_tool_calls", choice.parallel


def _text(wanted: ResponseFormat | None) -> Iterator[Member]:
    if wanted is None or wanted.kind is ResponseKind.TEXT:
        return
    if wanted.kind is ResponseKind.JSON:
        yield "format", {"type": "json_object"}
        return
    schema: dict[str, Any] = {"type": "json_schema", "name": wanted.name or SCHEMA_NAME}
    schema["schema"] = orjson.Fragment(wanted.schema_json)
    if wanted.strict is not None:
        schema["strict"] = wanted.strict
    yield "format", schema


def _reasoning(thinking: Thinking, refused: Refused) -> dict[str, Any]:
    if thinking.effort == "none" or SUMMARY in refused:
        return {"effort": thinking.effort}
    return {"effort": thinking.effort, "summary": "auto"}


def sent_output_limit(prompt: Prompt, defaults: Defaults, refused: Refused) -> int | None:
    """Returns the limit of output tokens that `response_body` sets; None: it sets none."""
    if prompt.max_tokens is not None:
        return prompt.max_tokens
    return None if OUTPUT_LIMIT in refused or DEFAULT_LIMIT in refused else defaults.max_tokens
