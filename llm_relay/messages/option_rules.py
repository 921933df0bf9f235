"""The rules for options."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from llm_relay.errors import Violation
from llm_relay.messages.json_text import json_object, json_object_fault
from llm_relay.messages.numbers import MAX_INT32, MAX_INT64, is_number, is_whole
from llm_relay.messages.options import (
    Options,
    ResponseFormat,
    ResponseKind,
    Sampling,
    Thinking,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from llm_relay.messages.text import Faults, name_fault, text_fault, word_fault

PROVIDERS = ("bedrock", "mock", "openai")
MAX_TOOLS = 1024
TOO_MANY_TOOLS = f"must have at most {MAX_TOOLS} tools"
MAX_STOPS = 16
MAX_STOP_CHARS = 256
MAX_TAGS = 16
MAX_TAG_KEY_CHARS = 64
MAX_TAG_VALUE_CHARS = 512
MAX_END_USER_CHARS = 256
MAX_PENALTY = 2.0

_MODES = frozenset(ToolChoiceMode)
_KINDS = frozenset(ResponseKind)
_PROMPT = ("model", "models", "messages", "input", "system", "instructions", "conversation", "previous_response_id")
_TOOLS = ("tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "web_search_options")
_OUTPUT = ("n", "best_of", "modalities", "audio", "prediction", "response_format", "text", "include")
_SAMPLING = ("temperature", "top_p", "stop", "stop_sequences", "seed", "frequency_penalty", "presence_penalty")
_THINKING = ("reasoning", "reasoning_effort", "thinking")
_DELIVERY = ("stream", "stream_options", "store", "background", "service_tier", "user", "safety_identifier")
FORBIDDEN_MEMBERS = frozenset((*_PROMPT, *_TOOLS, *_OUTPUT, *_SAMPLING, *_THINKING, *_DELIVERY))
"""Not allowed in provider_options: the relay writes them, or they change the request or its cost. max_…tokens too."""
_TOKEN_LIMIT = re.compile("max_[a-z_]*tokens")


def option_violations(options: Options) -> Iterator[Violation]:
    """Yields what is wrong with each option."""
    for field, fault in _faults(options):
        if fault:
            yield Violation(f"options.{field}", fault)


def _faults(options: Options) -> Faults:
    yield from _tools_faults(options.tools)
    if options.tool_choice is not None:
        yield from _tool_choice_faults(options.tool_choice, options.tools)
    if options.response_format is not None:
        yield from _response_format_faults(options.response_format)
    if options.sampling is not None:
        yield from _sampling_faults(options.sampling)
    if options.thinking is not None:
        yield from _thinking_faults(options.thinking)
    yield "tags", tags_fault(options.tags)
    for provider, text in options.provider_options.items():
        yield from _provider_faults(provider, text)
    yield "service_tier", word_fault(options.service_tier)
    if options.max_cost_nano_usd is not None and not is_whole(options.max_cost_nano_usd, 0, MAX_INT64):
        yield "max_cost_nano_usd", f"must be a whole number from 0 to {MAX_INT64}"
    yield "end_user", _limited_text_fault(options.end_user, MAX_END_USER_CHARS)


def _tools_faults(tools: tuple[Tool, ...]) -> Faults:
    if len(tools) > MAX_TOOLS:
        yield "tools", TOO_MANY_TOOLS
        return
    named: dict[str, int] = {}
    for index, tool in enumerate(tools):
        place = f"tools[{index}]"
        yield f"{place}.name", name_fault(tool.name) or _twice_fault(named.setdefault(tool.name, index), index)
        yield f"{place}.description", text_fault(tool.description, blank_allowed=True)
        yield f"{place}.input_schema_json", json_object_fault(tool.input_schema_json)


def _twice_fault(first: int, index: int) -> str | None:
    return None if first == index else f"must not be the name of tools[{first}] too"


def _tool_choice_faults(choice: ToolChoice, tools: tuple[Tool, ...]) -> Faults:
    if choice.mode not in _MODES:
        yield "tool_choice.mode", "must be auto, none or required"
    elif choice.name is not None and choice.mode is not ToolChoiceMode.AUTO:
        yield "tool_choice", "must have a mode or a name, not both"
    if choice.name is not None:
        known = any(tool.name == choice.name for tool in tools)
        yield "tool_choice.name", None if known else "must be the name of one of the tools"
    elif choice.mode is ToolChoiceMode.REQUIRED and not tools:
        yield "tool_choice.mode", "must not be required without tools"


def _response_format_faults(wanted: ResponseFormat) -> Faults:
    if wanted.kind not in _KINDS:
        yield "response_format.kind", "must be text, json or json_schema"
    elif wanted.kind is ResponseKind.JSON_SCHEMA:
        yield "response_format.schema_json", json_object_fault(wanted.schema_json)
    elif wanted.schema_json:
        yield "response_format.schema_json", "must be empty unless kind is json_schema"
    if wanted.name != "":
        yield "response_format.name", name_fault(wanted.name)


def _sampling_faults(sampling: Sampling) -> Faults:
    if sampling.top_p is not None and not is_number(sampling.top_p, 0, 1):
        yield "sampling.top_p", "must be a number from 0 to 1"
    if len(sampling.stop) > MAX_STOPS:
        yield "sampling.stop", f"must have at most {MAX_STOPS} texts"
    elif any(text_fault(stop, blank_allowed=True) or not 0 < len(stop) <= MAX_STOP_CHARS for stop in sampling.stop):
        yield "sampling.stop", f"must have only texts of 1 to {MAX_STOP_CHARS} characters, valid Unicode without NUL"
    if sampling.seed is not None and not is_whole(sampling.seed, -MAX_INT64 - 1, MAX_INT64):
        yield "sampling.seed", f"must be a whole number from {-MAX_INT64 - 1} to {MAX_INT64}"
    for name in ("frequency_penalty", "presence_penalty"):
        penalty = getattr(sampling, name)
        if penalty is not None and not is_number(penalty, -MAX_PENALTY, MAX_PENALTY):
            yield f"sampling.{name}", "must be a number from -2 to 2"


def _thinking_faults(thinking: Thinking) -> Faults:
    if thinking.effort == "" and thinking.max_tokens is None:
        yield "thinking", "must have effort or max_tokens"
    yield "thinking.effort", word_fault(thinking.effort)
    if thinking.max_tokens is not None and not is_whole(thinking.max_tokens, 1, MAX_INT32):
        yield "thinking.max_tokens", f"must be a whole number from 1 to {MAX_INT32}"


def tags_fault(tags: Mapping[str, str]) -> str | None:
    """Returns why `tags` cannot be the tags of a call, or None if they can."""
    if len(tags) > MAX_TAGS:
        return f"must have at most {MAX_TAGS} tags"
    for key, value in tags.items():
        if text_fault(key) or len(key) > MAX_TAG_KEY_CHARS:
            return f"must have keys of 1 to {MAX_TAG_KEY_CHARS} characters, not blank, valid Unicode without NUL"
        if _limited_text_fault(value, MAX_TAG_VALUE_CHARS):
            return f"must have text values of at most {MAX_TAG_VALUE_CHARS} characters, valid Unicode without NUL"
    return None


def _provider_faults(provider: str, text: str) -> Faults:
    if provider not in PROVIDERS:
        yield "provider_options", f"must have names of providers as keys: {', '.join(PROVIDERS)}"
        return
    place = f"provider_options.{provider}"
    try:
        members = json_object(text)
    except ValueError as error:
        yield place, str(error)
        return
    for member in members:
        if member in FORBIDDEN_MEMBERS or _TOKEN_LIMIT.fullmatch(member):
            yield f"{place}.{member}", "must be left out: the relay writes it, or it changes the request or its cost"


def _limited_text_fault(text: object, most: int) -> str | None:
    fault = text_fault(text, blank_allowed=True)
    return fault or (f"must have at most {most} characters" if isinstance(text, str) and len(text) > most else None)
