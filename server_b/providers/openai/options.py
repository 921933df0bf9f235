"""Builds the members of a chat completion's body from a prompt's options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from llm_relay.messages import Options, ResponseFormat, ResponseKind, Sampling, Tool, ToolChoice
from server_b.providers.unused_options import PROVIDER_OPTIONS

NAME = "openai"
SCHEMA_NAME = "answer"
"""Name of a schema without a name, because the interface requires one."""
_VENDORS_ALONE = frozenset({"verbosity", "prompt_cache_key", "prompt_cache_retention"})
"""Members of provider_options that only OpenAI's own endpoint accepts."""

_NEUTRAL = """
logit_bias verbosity prompt_cache_key prompt_cache_retention top_k min_p top_a typical_p tfs_z repetition_penalty
repeat_penalty repeat_last_n length_penalty mirostat mirostat_eta mirostat_tau dynatemp_range dynatemp_exponent
dry_multiplier dry_base dry_allowed_length xtc_probability xtc_threshold ignore_eos stop_token_ids bad_words
skip_special_tokens min_tokens grammar guided_json guided_regex guided_choice guided_grammar cache_prompt
"""
NEUTRAL_OPTIONS = frozenset(_NEUTRAL.split())
"""Members of provider_options that change neither prices nor the longest possible answer."""


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


def ignored_members(options: Options, *, is_vendor: bool) -> Iterator[str]:
    """Yields the members of provider_options that the endpoint does not accept, by the names that callers use."""
    if not is_vendor and NAME in options.provider_options:
        members = orjson.loads(options.provider_options[NAME])
        yield from (f"{PROVIDER_OPTIONS}.{NAME}.{name}" for name in members if name in _VENDORS_ALONE)


def own_options(options: Options, *, is_vendor: bool) -> Iterator[tuple[str, Any]]:
    """Yields the members of provider_options that the endpoint accepts."""
    for name, value in orjson.loads(options.provider_options.get(NAME, "{}")).items():
        if is_vendor or name not in _VENDORS_ALONE:
            yield name, value


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
