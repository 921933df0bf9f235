"""Converts the parts of turns and answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.messages import (
    CachePoint,
    Document,
    Image,
    Part,
    Reasoning,
    Refusal,
    ResultPart,
    TextPart,
    ToolCall,
    ToolResult,
)
from llm_relay.wire.codec.times import duration_from_wire, duration_to_wire


def part_to_wire(part: Part) -> pb.Part:
    match part:
        case TextPart():
            return pb.Part(text=part.text)
        case Image():
            return pb.Part(image=_image_to_wire(part))
        case Document():
            return pb.Part(document=_document_to_wire(part))
        case ToolCall():
            return pb.Part(tool_call=tool_call_to_wire(part))
        case ToolResult():
            return pb.Part(tool_result=_tool_result_to_wire(part))
        case Reasoning():
            return pb.Part(reasoning=_reasoning_to_wire(part))
        case CachePoint():
            ttl = None if part.ttl_s is None else duration_to_wire(part.ttl_s)
            return pb.Part(cache_point=pb.CachePoint(ttl=ttl))
        case Refusal():
            return pb.Part(refusal=part.text)


def part_from_wire(part: pb.Part) -> Part | None:
    """Returns None for a part without a kind, or of a kind that this version does not know."""
    kind = part.WhichOneof("kind")
    return _FROM_WIRE[kind](getattr(part, kind)) if kind else None


def _source(source: Image | Document) -> dict[str, Any]:
    # In a oneof the last field given would win, even if it is empty.
    return {"url": source.url} if source.url else {"data": source.data}


def _image_to_wire(image: Image) -> pb.Image:
    return pb.Image(media_type=image.media_type, detail=image.detail, **_source(image))


def _image_from_wire(image: pb.Image) -> Image:
    return Image(media_type=image.media_type, data=image.data, url=image.url, detail=image.detail)


def _document_to_wire(document: Document) -> pb.Document:
    return pb.Document(media_type=document.media_type, name=document.name, **_source(document))


def _document_from_wire(document: pb.Document) -> Document:
    return Document(media_type=document.media_type, name=document.name, data=document.data, url=document.url)


def tool_call_to_wire(call: ToolCall) -> pb.ToolCall:
    return pb.ToolCall(id=call.id, name=call.name, arguments_json=call.arguments_json, signature=call.signature)


def tool_call_from_wire(call: pb.ToolCall) -> ToolCall:
    return ToolCall(id=call.id, name=call.name, arguments_json=call.arguments_json, signature=call.signature)


def _tool_result_to_wire(result: ToolResult) -> pb.ToolResult:
    return pb.ToolResult(
        tool_call_id=result.tool_call_id,
        content=[part_to_wire(part) for part in result.content],
        structured_json=result.structured_json,
        is_error=result.is_error,
    )


def _tool_result_from_wire(result: pb.ToolResult) -> ToolResult:
    return ToolResult(
        tool_call_id=result.tool_call_id,
        content=tuple(_result_part_from_wire(part) for part in result.content),
        structured_json=result.structured_json if result.HasField("structured_json") else None,
        is_error=result.is_error,
    )


def _result_part_from_wire(part: pb.Part) -> ResultPart:
    # Prompt refuses kinds that a result must not have, such as results in results, and names the part.
    known = part.WhichOneof("kind") in ("text", "image", "document")
    return cast("ResultPart", part_from_wire(part) if known else None)


def _reasoning_to_wire(reasoning: Reasoning) -> pb.Reasoning:
    return pb.Reasoning(
        text=reasoning.text,
        signature=reasoning.signature,
        redacted=reasoning.redacted,
        provider=reasoning.provider,
        id=reasoning.id,
    )


def _reasoning_from_wire(reasoning: pb.Reasoning) -> Reasoning:
    return Reasoning(
        text=reasoning.text,
        signature=reasoning.signature,
        redacted=reasoning.redacted,
        provider=reasoning.provider,
        id=reasoning.id,
    )


def _cache_point_from_wire(point: pb.CachePoint) -> CachePoint:
    return CachePoint(ttl_s=duration_from_wire(point.ttl) if point.HasField("ttl") else None)


_FROM_WIRE: dict[str, Callable[[Any], Part]] = {
    "text": lambda text: TextPart(text=text),
    "image": _image_from_wire,
    "document": _document_from_wire,
    "tool_call": tool_call_from_wire,
    "tool_result": _tool_result_from_wire,
    "reasoning": _reasoning_from_wire,
    "cache_point": _cache_point_from_wire,
    "refusal": lambda text: Refusal(text=text),
}
