"""Converts the options of a request. Prompt refuses unknown values, and names the field."""

from __future__ import annotations

from typing import cast

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.messages import (
    Options,
    ResponseFormat,
    ResponseKind,
    Sampling,
    Thinking,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)

_MODES_FROM_WIRE = {
    pb.ToolChoice.MODE_UNSPECIFIED: ToolChoiceMode.AUTO,
    pb.ToolChoice.MODE_AUTO: ToolChoiceMode.AUTO,
    pb.ToolChoice.MODE_NONE: ToolChoiceMode.NONE,
    pb.ToolChoice.MODE_REQUIRED: ToolChoiceMode.REQUIRED,
}
_MODES_TO_WIRE = {mode: value for value, mode in _MODES_FROM_WIRE.items()}

_KINDS_FROM_WIRE = {
    pb.ResponseFormat.KIND_UNSPECIFIED: ResponseKind.TEXT,
    pb.ResponseFormat.KIND_TEXT: ResponseKind.TEXT,
    pb.ResponseFormat.KIND_JSON: ResponseKind.JSON,
    pb.ResponseFormat.KIND_JSON_SCHEMA: ResponseKind.JSON_SCHEMA,
}
_KINDS_TO_WIRE = {kind: value for value, kind in _KINDS_FROM_WIRE.items()}


def options_to_wire(options: Options) -> pb.Options:
    return pb.Options(
        tools=[_tool_to_wire(tool) for tool in options.tools],
        tool_choice=_tool_choice_to_wire(options.tool_choice) if options.tool_choice else None,
        response_format=_response_format_to_wire(options.response_format) if options.response_format else None,
        sampling=_sampling_to_wire(options.sampling) if options.sampling else None,
        thinking=_thinking_to_wire(options.thinking) if options.thinking else None,
        tags=options.tags,
        provider_options=options.provider_options,
        service_tier=options.service_tier,
        max_cost_nano_usd=options.max_cost_nano_usd,
        end_user=options.end_user,
    )


def options_from_wire(options: pb.Options) -> Options:
    return Options(
        tools=tuple(_tool_from_wire(tool) for tool in options.tools),
        tool_choice=_tool_choice_from_wire(options.tool_choice) if options.HasField("tool_choice") else None,
        response_format=(
            _response_format_from_wire(options.response_format) if options.HasField("response_format") else None
        ),
        sampling=_sampling_from_wire(options.sampling) if options.HasField("sampling") else None,
        thinking=_thinking_from_wire(options.thinking) if options.HasField("thinking") else None,
        tags=dict(options.tags),
        provider_options=dict(options.provider_options),
        service_tier=options.service_tier,
        max_cost_nano_usd=options.max_cost_nano_usd if options.HasField("max_cost_nano_usd") else None,
        end_user=options.end_user,
    )


def _tool_to_wire(tool: Tool) -> pb.Tool:
    return pb.Tool(
        name=tool.name, description=tool.description, input_schema_json=tool.input_schema_json, strict=tool.strict
    )


def _tool_from_wire(tool: pb.Tool) -> Tool:
    return Tool(
        name=tool.name,
        description=tool.description,
        input_schema_json=tool.input_schema_json,
        strict=tool.strict if tool.HasField("strict") else None,
    )


def _tool_choice_to_wire(choice: ToolChoice) -> pb.ToolChoice:
    if choice.name is not None:
        return pb.ToolChoice(name=choice.name, parallel=choice.parallel)
    return pb.ToolChoice(mode=_MODES_TO_WIRE[choice.mode], parallel=choice.parallel)


def _tool_choice_from_wire(choice: pb.ToolChoice) -> ToolChoice:
    return ToolChoice(
        mode=cast("ToolChoiceMode", _MODES_FROM_WIRE.get(choice.mode)),
        name=choice.name if choice.HasField("name") else None,
        parallel=choice.parallel if choice.HasField("parallel") else None,
    )


def _response_format_to_wire(wanted: ResponseFormat) -> pb.ResponseFormat:
    return pb.ResponseFormat(
        kind=_KINDS_TO_WIRE[wanted.kind], name=wanted.name, schema_json=wanted.schema_json, strict=wanted.strict
    )


def _response_format_from_wire(wanted: pb.ResponseFormat) -> ResponseFormat:
    return ResponseFormat(
        kind=cast("ResponseKind", _KINDS_FROM_WIRE.get(wanted.kind)),
        name=wanted.name,
        schema_json=wanted.schema_json,
        strict=wanted.strict if wanted.HasField("strict") else None,
    )


def _sampling_to_wire(sampling: Sampling) -> pb.Sampling:
    return pb.Sampling(
        top_p=sampling.top_p,
        stop=sampling.stop,
        seed=sampling.seed,
        frequency_penalty=sampling.frequency_penalty,
        presence_penalty=sampling.presence_penalty,
    )


def _sampling_from_wire(sampling: pb.Sampling) -> Sampling:
    return Sampling(
        top_p=sampling.top_p if sampling.HasField("top_p") else None,
        stop=tuple(sampling.stop),
        seed=sampling.seed if sampling.HasField("seed") else None,
        frequency_penalty=sampling.frequency_penalty if sampling.HasField("frequency_penalty") else None,
        presence_penalty=sampling.presence_penalty if sampling.HasField("presence_penalty") else None,
    )


def _thinking_to_wire(thinking: Thinking) -> pb.Thinking:
    return pb.Thinking(effort=thinking.effort, max_tokens=thinking.max_tokens)


def _thinking_from_wire(thinking: pb.Thinking) -> Thinking:
    return Thinking(effort=thinking.effort, max_tokens=thinking.max_tokens if thinking.HasField("max_tokens") else None)
