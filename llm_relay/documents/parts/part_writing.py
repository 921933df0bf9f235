"""Writes parts as JSON."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, cast

from llm_relay.documents.parts.part_documents import PartDocument, ResultPartDocument, ToolCallDocument
from llm_relay.documents.raw_json import exact_value
from llm_relay.messages import (
    CachePoint,
    Document,
    Image,
    Part,
    Reasoning,
    Refusal,
    TextPart,
    ToolCall,
    ToolResult,
)

JsonValue = Callable[[str], Any]
"""Converts a JSON text to a value of a document: `exact_value`, or text that a serializer writes unchanged."""


def part_document(part: Part, json_value: JsonValue = exact_value) -> PartDocument:
    """Returns a part as an object with one member."""
    match part:
        case TextPart():
            return {"text": part.text}
        case Image():
            return {"image": cast("Any", _filled(media_type=part.media_type, **_source(part), detail=part.detail))}
        case Document():
            return {"document": cast("Any", _filled(media_type=part.media_type, name=part.name, **_source(part)))}
        case ToolCall():
            return {"tool_call": tool_call_document(part, json_value)}
        case ToolResult():
            return {"tool_result": cast("Any", _tool_result(part, json_value))}
        case Reasoning():
            return {"reasoning": cast("Any", _reasoning(part))}
        case CachePoint():
            return {"cache_point": {} if part.ttl_s is None else {"ttl_seconds": part.ttl_s}}
        case Refusal():
            return {"refusal": part.text}


def tool_call_document(call: ToolCall, json_value: JsonValue = exact_value) -> ToolCallDocument:
    """Returns a call. Its arguments are a JSON value, or text if they are not valid JSON."""
    document: ToolCallDocument = {"id": call.id, "name": call.name}
    try:
        if not call.arguments_valid:
            raise ValueError
        document["arguments"] = json_value(call.arguments_json)
    except ValueError:  # invalid, or valid with numbers beyond Python's
        document["arguments_text"] = call.arguments_json
    if call.signature:
        document["signature"] = base64_text(call.signature)
    return document


def base64_text(data: bytes) -> str:
    """Returns bytes as base64."""
    return base64.b64encode(data).decode()


def _source(source: Image | Document) -> dict[str, str]:
    return {"url": source.url} if source.url else {"data": base64_text(source.data)}


def _tool_result(result: ToolResult, json_value: JsonValue) -> dict[str, object]:
    document: dict[str, object] = {"tool_call_id": result.tool_call_id}
    if result.content:
        document["content"] = [cast("ResultPartDocument", part_document(part)) for part in result.content]
    if result.structured_json is not None:
        document["structured"] = json_value(result.structured_json)
    if result.is_error:
        document["is_error"] = True
    return document


def _reasoning(reasoning: Reasoning) -> dict[str, str]:
    return _filled(
        text=reasoning.text,
        signature=base64_text(reasoning.signature),
        redacted=base64_text(reasoning.redacted),
        provider=reasoning.provider,
        id=reasoning.id,
    )


def _filled(**members: str) -> dict[str, str]:
    return {name: value for name, value in members.items() if value}
