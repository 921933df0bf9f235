"""Builds Converse's content blocks from the parts of a turn.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

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
from server_b.providers.bedrock.provider_name import NAME
from server_b.providers.bedrock.request.document_names import DocumentNames

Block = dict[str, Any]

IMAGE_FORMATS: Mapping[str, str] = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
DOCUMENT_FORMATS: Mapping[str, str] = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
    "text/x-markdown": "md",
}
CACHE_TTLS: Mapping[float, str] = {300.0: "5m", 3600.0: "1h"}
"""Bedrock's names of the TTLs, by seconds."""

_CALL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")


def blocks_of(parts: Iterable[Part], names: DocumentNames) -> Iterator[Block]:
    """Yields the blocks of supported parts. Documents get their names from `names`."""
    for part in parts:
        match part:
            case TextPart() | Refusal():
                # Bedrock refuses blank text, which a model may write before it calls a tool.
                if part.text.strip():
                    yield {"text": part.text}
            case Image():
                yield _image(part)
            case Document():
                yield _document(part, names)
            case ToolCall():
                arguments = orjson.Fragment(part.arguments_json)
                yield {"toolUse": {"toolUseId": call_id(part.id), "name": part.name, "input": arguments}}
            case ToolResult():
                yield _tool_result(part, names)
            case Reasoning():
                yield from _reasoning(part)
            case CachePoint():
                yield cache_point(part)


def cache_point(point: CachePoint) -> Block:
    """Returns the block of a cache point, which may also be in the system prompt."""
    block = {"type": "default"}
    if point.ttl_s is not None:
        block["ttl"] = CACHE_TTLS[point.ttl_s]
    return {"cachePoint": block}


def call_id(given: str) -> str:
    """Returns an id, or its digest if Converse does not allow the id: it only links a result to its call."""
    return given if _CALL_ID.fullmatch(given) else f"call_{hashlib.sha256(given.encode()).hexdigest()[:32]}"


def is_sent_back(reasoning: Reasoning) -> bool:
    """Tells whether this reasoning is sent back to Bedrock: only if Bedrock wrote it and signed or encrypted it."""
    return reasoning.provider == NAME and bool(reasoning.signature or reasoning.redacted)


def _image(image: Image) -> Block:
    return {"image": {"format": IMAGE_FORMATS[image.media_type.lower()], "source": _source(image.data)}}


def _document(document: Document, names: DocumentNames) -> Block:
    block = {"format": DOCUMENT_FORMATS[document.media_type.lower()], "name": names.cleaned(document.name)}
    return {"document": {**block, "source": _source(document.data)}}


def _source(data: bytes) -> dict[str, str]:
    return {"bytes": base64.b64encode(data).decode()}


def _tool_result(result: ToolResult, names: DocumentNames) -> Block:
    content = [*blocks_of(result.content, names)]
    if result.structured_json is not None:
        content.append(_structured(result.structured_json))
    block: Block = {"toolUseId": call_id(result.tool_call_id), "content": content}
    if result.is_error:
        block["status"] = "error"
    return {"toolResult": block}


def _structured(text: str) -> Block:
    """Returns a block of JSON. Anything but an object is sent as text, because Bedrock accepts only objects as JSON."""
    return {"json": orjson.Fragment(text)} if text.lstrip().startswith("{") else {"text": text}


def _reasoning(reasoning: Reasoning) -> Iterator[Block]:
    if not is_sent_back(reasoning):
        return
    if reasoning.signature:
        said = {"text": reasoning.text, "signature": reasoning.signature.decode()}
        yield {"reasoningContent": {"reasoningText": said}}
    if reasoning.redacted:
        yield {"reasoningContent": {"redactedContent": base64.b64encode(reasoning.redacted).decode()}}
