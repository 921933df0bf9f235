"""Refuses what Converse or the model is known not to accept, before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from llm_relay.errors import Unsupported
from llm_relay.messages import (
    NO_OPTIONS,
    CachePoint,
    Document,
    Image,
    Part,
    Prompt,
    Reasoning,
    ResponseKind,
    Role,
    TextPart,
    ToolCall,
    ToolChoiceMode,
    ToolResult,
)
from server_b.providers.bedrock.models.abilities import accepts_images, calls_tools
from server_b.providers.bedrock.models.families import claude_version
from server_b.providers.bedrock.provider_name import NAME
from server_b.providers.bedrock.request.content_blocks import (
    CACHE_TTLS,
    DOCUMENT_FORMATS,
    IMAGE_FORMATS,
    is_sent_back,
)
from server_b.providers.bedrock.request.thinking import thinking_faults
from server_b.providers.bedrock.request.tools import forbids_parallel, has_tool_blocks

SERVICE_TIERS = ("default", "priority", "flex", "reserved")
DETAILS = ("", "auto")
"""Values of an image's `detail` that leave the decision to Bedrock."""
Faults = Iterator[tuple[str, str]]
_METADATA = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}")
_SEND_DATA = "Bedrock does not fetch URLs; send the data"


def refuse_unsupported(prompt: Prompt, model: str | None) -> None:
    """Raises Unsupported, naming the first field. With `model` None, the model is not known yet and not checked."""
    for field, fault in _faults(prompt, model):
        raise Unsupported.of_field(field, f"not supported by {NAME}: {fault}")


def _faults(prompt: Prompt, model: str | None) -> Faults:
    if prompt.options is not NO_OPTIONS:
        yield from _option_faults(prompt)
        if model is not None:
            yield from _model_faults(prompt, model)
    if model is not None:
        yield from _ability_faults(prompt, model)
    for index, turn in enumerate(prompt.history):
        if turn.parts:
            yield from _part_faults(f"history[{index}].parts", turn.role, turn.parts)
    if prompt.parts:
        yield from _part_faults("parts", Role.USER, prompt.parts)
    yield from _document_without_text_faults(prompt)


def _option_faults(prompt: Prompt) -> Faults:
    options = prompt.options
    choice, sampling = options.tool_choice, options.sampling
    if choice is not None and choice.mode is ToolChoiceMode.NONE and has_tool_blocks(prompt):
        yield "options.tool_choice.mode", "tools cannot be forbidden if the history has tool calls; use auto"
    if options.response_format is not None and options.response_format.kind is ResponseKind.JSON:
        yield "options.response_format.kind", "JSON needs a schema; use json_schema"
    for name in ("seed", "frequency_penalty", "presence_penalty"):
        if getattr(sampling, name, None) is not None:
            yield f"options.sampling.{name}", "leave it out"
    if options.service_tier and options.service_tier not in SERVICE_TIERS:
        yield "options.service_tier", f"use one of {', '.join(SERVICE_TIERS)}"
    if options.end_user and not _METADATA.fullmatch(options.end_user):
        yield "options.end_user", "it must consist of letters, digits, spaces and :_@$#=/+,.-"


def _model_faults(prompt: Prompt, model: str) -> Faults:
    if forbids_parallel(prompt) and claude_version(model) is None:
        yield "options.tool_choice.parallel", "this model is not known to call one tool at a time; leave it out"
    yield from thinking_faults(prompt, model)


def _ability_faults(prompt: Prompt, model: str) -> Faults:
    if calls_tools(model) is False:
        if prompt.options.tools:
            yield "options.tools", "this model does not call tools; leave them out"
        elif has_tool_blocks(prompt):
            yield "history", "this model does not call tools, but the history has tool calls"
    if accepts_images(model) is False:
        for place, parts in _all_parts(prompt):
            for index, part in enumerate(parts):
                if isinstance(part, Image):
                    yield f"{place}[{index}].image", "this model does not accept images"
                if isinstance(part, ToolResult) and any(isinstance(one, Image) for one in part.content):
                    yield f"{place}[{index}].tool_result.content", "this model does not accept images"


def _all_parts(prompt: Prompt) -> Iterator[tuple[str, Sequence[Part]]]:
    for index, turn in enumerate(prompt.history):
        yield f"history[{index}].parts", turn.parts
    yield "parts", prompt.parts


def _part_faults(place: str, role: Role, parts: Sequence[Part]) -> Faults:
    for index, part in enumerate(parts):
        where = f"{place}[{index}]"
        match part:
            case Image() | Document():
                yield from _source_faults(where, part, role)
            case CachePoint() if part.ttl_s is not None and part.ttl_s not in CACHE_TTLS:
                yield f"{where}.cache_point.ttl", "use 300 or 3600 seconds"
            case ToolCall() if not (part.arguments_valid and part.arguments_json.lstrip().startswith("{")):
                yield f"{where}.tool_call.arguments_json", "it must be a JSON object"
            case ToolResult():
                for number, one in enumerate(part.content):
                    if not isinstance(one, TextPart):
                        yield from _source_faults(f"{where}.tool_result.content[{number}]", one, role)
            case Reasoning() if is_sent_back(part) and not _is_text(part.signature):
                yield f"{where}.reasoning.signature", "it is not a signature of Bedrock"
            case _:
                continue


def _source_faults(where: str, part: Image | Document, role: Role) -> Faults:
    kind, formats = ("image", IMAGE_FORMATS) if isinstance(part, Image) else ("document", DOCUMENT_FORMATS)
    where = f"{where}.{kind}"
    if role is not Role.USER:
        yield where, f"it is allowed in turns of the user only, not of the {role.value}"
    if part.url:
        yield f"{where}.url", _SEND_DATA
    elif part.media_type.lower() not in formats:
        yield f"{where}.media_type", f"use one of {', '.join(dict.fromkeys(formats.values()))}"
    if isinstance(part, Image) and part.detail not in DETAILS:
        yield f"{where}.detail", "leave it out"


def _document_without_text_faults(prompt: Prompt) -> Faults:
    """Yields documents in a message without text, which Converse refuses. Neighbouring user turns are one message."""
    turns = [(f"history[{index}].parts", turn.role, turn.text, turn.parts) for index, turn in enumerate(prompt.history)]
    spoken = (
        turn for turn in (*turns, ("parts", Role.USER, prompt.message, prompt.parts)) if turn[1] is not Role.SYSTEM
    )
    for _, said in groupby(spoken, key=lambda turn: turn[1]):
        message = [*said]
        if any(text or any(isinstance(part, TextPart) for part in parts) for _, _, text, parts in message):
            continue
        for place, _, _, parts in message:
            for index, part in enumerate(parts):
                if isinstance(part, Document):
                    yield f"{place}[{index}].document", "a message with a document must have text too"


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
