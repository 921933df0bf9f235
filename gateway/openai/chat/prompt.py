"""Translates the body of a chat completion into a Prompt, and finds the members without effect."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from gateway.openai.bodies.chat import AssistantMessage, ChatBody, ChatResponseFormat, NamedToolChoice
from gateway.openai.chat.messages import conversation_messages
from gateway.openai.errors import BadParam
from gateway.openai.json_text import json_text
from gateway.openai.request.conversation import read_conversation
from gateway.openai.request.field_names import FieldNames
from gateway.openai.request.ignored_members import unknown_names
from gateway.openai.request.max_cost import nano_usd
from gateway.openai.request.refused_members import ACCEPTED_AND_REFUSED
from gateway.openai.request.tools import tool_choice_of, tool_of
from gateway.openai.request.translated_body import TranslatedBody
from llm_relay.errors import InvalidRequest
from llm_relay.messages import (
    NO_OPTIONS,
    Options,
    Prompt,
    ResponseFormat,
    ResponseKind,
    Sampling,
    Thinking,
    ToolChoice,
)

_FOR_OPENAI = ("verbosity", "prompt_cache_key", "prompt_cache_retention", "logit_bias")
"""Members that only OpenAI's own endpoint supports."""
_REQUIRED = ("options.provider_options.openai.logit_bias",)
"""Those of them that must not be ignored, because the answer would change."""


def chat_prompt(body: ChatBody, request_id: str) -> TranslatedBody:
    """Returns the prompt of a body. Raises BadParam that names an invalid member."""
    conversation = read_conversation(conversation_messages(body.messages), "messages")
    places = [f"tools[{index}].function.{{}}" for index in range(len(body.tools or ()))]
    names = FieldNames(
        conversation, functools.partial(_names, body), tools=places, result_id="tool_call_id", result="content"
    )
    try:
        prompt = Prompt(
            message=conversation.message,
            parts=conversation.parts,
            context=conversation.context,
            history=tuple(conversation.history),
            model=body.model,
            temperature=body.temperature,
            max_tokens=body.max_completion_tokens if body.max_completion_tokens is not None else body.max_tokens,
            request_id=request_id,
            options=_options(body),
        )
    except InvalidRequest as error:
        raise names.bad_param(error) from error
    return TranslatedBody(prompt, tuple(dict.fromkeys(_ignored(body))), names, _REQUIRED if body.logit_bias else ())


def _ignored(body: ChatBody) -> Iterator[str]:
    """Yields the members that have no effect with any provider."""
    yield from (name for name in unknown_names(body) if name not in ACCEPTED_AND_REFUSED)
    if body.max_tokens is not None and body.max_completion_tokens not in (None, body.max_tokens):
        yield "max_tokens"
    if body.user and body.safety_identifier and body.user != body.safety_identifier:
        yield "user"
    schema = body.response_format.json_schema if body.response_format else None
    if schema is not None and schema.description:
        yield "response_format.json_schema.description"
    answers = (message for message in body.messages if isinstance(message, AssistantMessage))
    if any(answer.reasoning_content and not answer.reasoning_details for answer in answers):
        yield "messages.reasoning_content"  # does not say which provider wrote it, so none gets it back


_NAMES = {
    "context": "messages",
    "options.thinking": "reasoning_effort",
    "options.response_format.kind": "response_format.type",
    "options.response_format.name": "response_format.json_schema.name",
    "options.response_format.schema_json": "response_format.json_schema.schema",
    "options.tool_choice.name": "tool_choice.function.name",
}
"""The prompt's fields that have other names in a chat completion."""


def _names(body: ChatBody) -> dict[str, str]:
    return {
        **_NAMES,
        "max_tokens": "max_tokens" if body.max_completion_tokens is None else "max_completion_tokens",
        "options.end_user": "safety_identifier" if body.safety_identifier else "user",
    }


_OPTIONS = frozenset(
    (
        *("tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort", "service_tier"),
        *("stop", "top_p", "seed", "frequency_penalty", "presence_penalty"),
        *("metadata", "max_cost_usd", "safety_identifier", "user", *_FOR_OPENAI),
    )
)
"""The members that become options. Most requests have none of them."""


def _options(body: ChatBody) -> Options:
    if _OPTIONS.isdisjoint(body.model_fields_set):
        return NO_OPTIONS
    options = Options(
        tools=tuple(tool_of(tool.function) for tool in body.tools or ()),
        tool_choice=_tool_choice(body),
        response_format=_response_format(body.response_format),
        sampling=_sampling(body),
        thinking=Thinking(effort=body.reasoning_effort) if body.reasoning_effort else None,
        tags=body.metadata or {},
        provider_options=_provider_options(body),
        service_tier=body.service_tier or "",
        max_cost_nano_usd=None if body.max_cost_usd is None else nano_usd(body.max_cost_usd),
        end_user=body.safety_identifier or body.user or "",
    )
    return NO_OPTIONS if options == NO_OPTIONS else options  # plain prompts are recognized by this object


def _tool_choice(body: ChatBody) -> ToolChoice | None:
    choice, parallel = body.tool_choice, body.parallel_tool_calls
    if isinstance(choice, NamedToolChoice):
        return tool_choice_of(None, choice.function.name, parallel=parallel)
    return tool_choice_of(choice, None, parallel=parallel)


def _response_format(wanted: ChatResponseFormat | None) -> ResponseFormat | None:
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return ResponseFormat(kind=ResponseKind.JSON)
    if wanted.json_schema is None:
        raise BadParam("response_format.json_schema", "response_format.json_schema: is required with json_schema")
    schema = wanted.json_schema
    return ResponseFormat(
        kind=ResponseKind.JSON_SCHEMA,
        name=schema.name,
        schema_json=json_text(schema.schema_ if schema.schema_ is not None else {"type": "object"}, "response_format"),
        strict=schema.strict,
    )


def _sampling(body: ChatBody) -> Sampling | None:
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    sampling = Sampling(
        top_p=body.top_p,
        stop=stop,
        seed=body.seed,
        frequency_penalty=body.frequency_penalty,
        presence_penalty=body.presence_penalty,
    )
    return None if sampling == Sampling() else sampling


def _provider_options(body: ChatBody) -> dict[str, str]:
    members = {name: value for name in _FOR_OPENAI if (value := getattr(body, name)) not in (None, {})}
    return {"openai": json_text(members, "logit_bias")} if members else {}
