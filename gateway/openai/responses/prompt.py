"""Translates the body of a response request into a Prompt, and finds the members without effect."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gateway.openai.bodies.responses import ResponsesBody, ResponsesToolChoice, TextFormat
from gateway.openai.errors import BadParam
from gateway.openai.json_text import json_text
from gateway.openai.namespaces import PlacedTool, chosen_name, placed_tools
from gateway.openai.request.conversation import read_conversation
from gateway.openai.request.field_names import FieldNames
from gateway.openai.request.ignored_members import unknown_names
from gateway.openai.request.max_cost import nano_usd
from gateway.openai.request.refused_members import objects, refuse_other_tools
from gateway.openai.request.tools import tool_choice_of, tool_of
from gateway.openai.request.translated_body import TranslatedBody
from gateway.openai.responses.items import conversation_messages
from llm_relay.errors import InvalidRequest
from llm_relay.messages import (
    NO_OPTIONS,
    Options,
    Prompt,
    ResponseFormat,
    ResponseKind,
    Sampling,
    Thinking,
    Tool,
    ToolChoice,
)

_ENCRYPTED_REASONING = "reasoning.encrypted_content"
"""The only supported value of `include`. It is always included, because nothing is stored."""
_STATEFUL = {
    "previous_response_id": "is not supported: nothing is stored, so send the conversation in input",
    "conversation": "is not supported: nothing is stored, so send the conversation in input",
    "prompt": "is not supported: nothing is stored",
}
_NAMES = {
    "context": "instructions",
    "max_tokens": "max_output_tokens",
    "options.thinking": "reasoning.effort",
    "options.provider_options.openai.verbosity": "text.verbosity",
    "options.response_format.kind": "text.format.type",
    "options.response_format.name": "text.format.name",
    "options.response_format.schema_json": "text.format.schema",
    "options.tool_choice.name": "tool_choice.name",
}
"""The prompt's fields that have other names in a response request."""


_OWN_WAY = {"background": False, "truncation": "disabled", "top_logprobs": 0}
"""Values that ask for what the relay does anyway, so that they are not reported as ignored."""


def refuse_stateful(body: Mapping[str, Any]) -> None:
    """Raises BadParam if a request needs stored state, or a tool that the relay does not have."""
    for name, why in _STATEFUL.items():
        if body.get(name) is not None:
            raise BadParam(name, f"{name}: {why}")
    if body.get("top_logprobs"):
        raise BadParam("top_logprobs", "top_logprobs: is not supported: log probabilities are not passed on")
    include = body.get("include")
    if isinstance(include, list) and "message.output_text.logprobs" in include:
        raise BadParam(
            "include", "include: message.output_text.logprobs is not supported: log probabilities are not passed on"
        )
    if body.get("background"):
        raise BadParam("background", "background: is not supported: a call ends when its client leaves")
    for index, item in enumerate(objects(body.get("input"))):
        if item.get("type") == "item_reference":
            raise BadParam(f"input[{index}]", f"input[{index}]: item_reference is not supported: nothing is stored")
    refuse_other_tools(body, namespaces=True)


def responses_prompt(body: ResponsesBody, request_id: str) -> TranslatedBody:
    """Returns the prompt of a body. Raises BadParam that names an invalid member."""
    conversation = read_conversation(conversation_messages(body.instructions, body.input), "input")
    places = [f"{one.place}.{{}}" for one in placed_tools(body)]
    names = FieldNames(
        conversation, functools.partial(_names, body), tools=places, result_id="call_id", result="output"
    )
    try:
        prompt = Prompt(
            message=conversation.message,
            parts=conversation.parts,
            context=conversation.context,
            history=tuple(conversation.history),
            model=body.model,
            temperature=body.temperature,
            max_tokens=body.max_output_tokens,
            request_id=request_id,
            options=_options(body),
        )
    except InvalidRequest as error:
        raise names.bad_param(error) from error
    return TranslatedBody(prompt, tuple(dict.fromkeys(_ignored(body))), names)


def _ignored(body: ResponsesBody) -> Iterator[str]:
    """Yields the members that have no effect with any provider."""
    if body.store:
        yield "store"
    yield from (name for name in unknown_names(body) if not _says_nothing(body, name))
    if body.user and body.safety_identifier and body.user != body.safety_identifier:
        yield "user"
    if body.reasoning and body.reasoning.summary not in (None, "auto"):
        yield "reasoning.summary"
    if body.text and body.text.format and body.text.format.description:
        yield "text.format.description"
    if any(name != _ENCRYPTED_REASONING for name in body.include or ()):
        yield "include"


def _says_nothing(body: ResponsesBody, name: str) -> bool:
    return name in _OWN_WAY and (body.model_extra or {}).get(name) == _OWN_WAY[name]


def _names(body: ResponsesBody) -> dict[str, str]:
    return {**_NAMES, "options.end_user": "safety_identifier" if body.safety_identifier else "user"}


_OPTIONS = frozenset(
    (
        *("tools", "tool_choice", "parallel_tool_calls", "text", "reasoning", "service_tier", "top_p"),
        *("metadata", "max_cost_usd", "safety_identifier", "user", "prompt_cache_key", "prompt_cache_retention"),
    )
)
"""The members that become options. Most requests have none of them."""


def _options(body: ResponsesBody) -> Options:
    if _OPTIONS.isdisjoint(body.model_fields_set):
        return NO_OPTIONS
    effort = body.reasoning.effort if body.reasoning else None
    options = Options(
        tools=tuple(_tool(one) for one in placed_tools(body)),
        tool_choice=_tool_choice(body),
        response_format=_response_format(body.text.format if body.text else None),
        sampling=None if body.top_p is None else Sampling(top_p=body.top_p),
        thinking=Thinking(effort=effort) if effort else None,
        tags=body.metadata or {},
        provider_options=_provider_options(body),
        service_tier=body.service_tier or "",
        max_cost_nano_usd=None if body.max_cost_usd is None else nano_usd(body.max_cost_usd),
        end_user=body.safety_identifier or body.user or "",
    )
    return NO_OPTIONS if options == NO_OPTIONS else options  # plain prompts are recognized by this object


def _tool(placed: PlacedTool) -> Tool:
    return replace(tool_of(placed.tool), name=placed.name, description=placed.description or "")


def _tool_choice(body: ResponsesBody) -> ToolChoice | None:
    choice, parallel = body.tool_choice, body.parallel_tool_calls
    if isinstance(choice, ResponsesToolChoice):
        return tool_choice_of(None, chosen_name(body, choice), parallel=parallel)
    return tool_choice_of(choice, None, parallel=parallel)


def _response_format(wanted: TextFormat | None) -> ResponseFormat | None:
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return ResponseFormat(kind=ResponseKind.JSON)
    if wanted.schema_ is None:
        raise BadParam("text.format.schema", "text.format.schema: is required with json_schema")
    schema = json_text(wanted.schema_, "text.format.schema")
    return ResponseFormat(
        kind=ResponseKind.JSON_SCHEMA, name=wanted.name or "", schema_json=schema, strict=wanted.strict
    )


def _provider_options(body: ResponsesBody) -> dict[str, str]:
    members = {
        "verbosity": body.text.verbosity if body.text else None,
        "prompt_cache_key": body.prompt_cache_key,
        "prompt_cache_retention": body.prompt_cache_retention,
    }
    options = {name: value for name, value in members.items() if value is not None}
    return {"openai": json_text(options, "text.verbosity")} if options else {}
