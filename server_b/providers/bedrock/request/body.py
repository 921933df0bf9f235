"""Builds the body of a Converse request from a prompt.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from llm_relay.messages import NO_OPTIONS, Prompt, ResponseFormat, ResponseKind
from server_b.providers.base import Defaults
from server_b.providers.bedrock.models.families import claude_version
from server_b.providers.bedrock.provider_name import NAME
from server_b.providers.bedrock.refused_defaults import MAX_TOKENS, TEMPERATURE, Refused
from server_b.providers.bedrock.request.messages import messages_of, system_of
from server_b.providers.bedrock.request.thinking import effort_of, room_tokens, thinking_field
from server_b.providers.bedrock.request.tools import forbids_parallel, tool_choice_field, tool_config


def request_body(prompt: Prompt, defaults: Defaults, refused: Refused, model: str = "") -> dict[str, Any]:
    """Returns the body for Converse and ConverseStream, without those of our defaults that are in `refused`.

    `model` is the id of the model itself, which decides how it is asked to think.
    """
    body: dict[str, Any] = {"messages": messages_of(prompt)}
    if system := system_of(prompt):
        body["system"] = system
    if parameters := _parameters(prompt, defaults, refused, model):
        body["inferenceConfig"] = parameters
    if config := tool_config(prompt):
        body["toolConfig"] = config
    if prompt.options is not NO_OPTIONS:
        body.update(_options(prompt, model, has_tools="toolConfig" in body))
    return body


def _parameters(prompt: Prompt, defaults: Defaults, refused: Refused, model: str) -> dict[str, Any]:
    ours = {TEMPERATURE: defaults.temperature, MAX_TOKENS: defaults.max_tokens + room_tokens(prompt, model)}
    sampling = prompt.options.sampling
    # A thinking Claude has a fixed temperature, and Claude accepts no temperature together with top_p.
    has_top_p = sampling is not None and sampling.top_p is not None
    if prompt.options.thinking is not None or (has_top_p and claude_version(model) is not None):
        del ours[TEMPERATURE]
    kept = {name: value for name, value in ours.items() if name not in refused}
    return kept | asked_parameters(prompt)


def asked_parameters(prompt: Prompt) -> dict[str, Any]:
    """Returns the inference parameters that the caller sets, by Bedrock's names."""
    asked: dict[str, Any] = {TEMPERATURE: prompt.temperature, MAX_TOKENS: prompt.max_tokens}
    if sampling := prompt.options.sampling:
        asked["topP"] = sampling.top_p
        asked["stopSequences"] = [*sampling.stop] or None
    return {name: value for name, value in asked.items() if value is not None}


def _options(prompt: Prompt, model: str, *, has_tools: bool) -> Iterator[tuple[str, Any]]:
    options = prompt.options
    if output := _output(options.response_format, effort_of(prompt, model)):
        yield "outputConfig", output
    if fields := _model_fields(prompt, model, has_tools=has_tools):
        yield "additionalModelRequestFields", fields
    if options.service_tier:
        yield "serviceTier", {"type": options.service_tier}
    if options.end_user:
        yield "requestMetadata", {"end_user": options.end_user}


def _output(wanted: ResponseFormat | None, effort: str) -> dict[str, Any]:
    output: dict[str, Any] = {"effort": effort} if effort else {}
    if wanted is not None and wanted.kind is ResponseKind.JSON_SCHEMA:
        schema = {"schema": wanted.schema_json} | ({"name": wanted.name} if wanted.name else {})
        # Bedrock always enforces the schema, so it has no field for `strict`.
        output["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": schema}}
    return output


def _model_fields(prompt: Prompt, model: str, *, has_tools: bool) -> dict[str, Any]:
    """Returns the model-specific fields, which Converse passes on."""
    fields: dict[str, Any] = orjson.loads(prompt.options.provider_options.get(NAME, "{}"))
    if thinking := thinking_field(prompt, model):
        fields["thinking"] = thinking
    choice = prompt.options.tool_choice
    if choice is not None and has_tools and forbids_parallel(prompt):
        fields["tool_choice"] = tool_choice_field(choice)
    return fields
