"""The rules for parts, and the turns in which they may be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from llm_relay.errors import Violation
from llm_relay.messages.json_text import json_value_fault
from llm_relay.messages.numbers import is_number
from llm_relay.messages.parts import (
    PART_NAMES,
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
from llm_relay.messages.text import Faults, name_fault, text_fault, word_fault
from llm_relay.messages.turns import Role
from llm_relay.messages.urls import url_fault

MAX_PARTS = 10_000
TOO_MANY_PARTS = f"must have at most {MAX_PARTS} parts, including those of the history"
MAX_DOCUMENT_NAME_CHARS = 255
MAX_CACHE_TTL_S = 86_400.0
ONE_KIND = f"must have exactly one of {', '.join(PART_NAMES.values())}"

_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+\-]{0,126}"  # RFC 6838, 4.2
_MEDIA_TYPE = re.compile(f"{_NAME}/{_NAME}")
_IMAGE_TYPE = re.compile(f"(?i:image)/{_NAME}")
_TURNS: dict[type[Part], Role] = {
    ToolCall: Role.ASSISTANT,
    Reasoning: Role.ASSISTANT,
    Refusal: Role.ASSISTANT,
    ToolResult: Role.USER,
}
"""The kinds of parts that may be in one kind of turn only."""
_RESULT_PARTS = frozenset((TextPart, Image, Document))


def part_violations(place: str, part: Part, role: Role) -> Iterator[Violation]:
    """Yields what is wrong with a part of a turn; `place` is its name in errors, such as "history[0].parts[1]"."""
    name = PART_NAMES.get(type(part))
    if name is None:
        yield Violation(place, ONE_KIND)
        return
    place = f"{place}.{name}"
    only = _TURNS.get(type(part), role)
    if role is not only:
        yield Violation(place, f"must be in {only.value} turns only")
    if isinstance(part, ToolResult):
        yield from _content_violations(place, part)
    for field, fault in _faults(part, role):
        if fault:
            yield Violation(f"{place}.{field}" if field else place, fault)


def _faults(part: Part, role: Role) -> Faults:
    if isinstance(part, TextPart):
        # A model may write only whitespace, before a call for example, and its own text is sent back to it.
        yield "", text_fault(part.text, blank_allowed=role is Role.ASSISTANT) or _empty_fault(part.text)
    else:
        yield from _RULES[type(part)](part)


def _empty_fault(text: str) -> str | None:
    return None if text else "must not be empty"


def _refusal_faults(refusal: Refusal) -> Faults:
    yield "", text_fault(refusal.text, blank_allowed=True) or _empty_fault(refusal.text)


def _image_faults(image: Image) -> Faults:
    yield from _source_faults(image, _IMAGE_TYPE, "image/png")
    yield "detail", word_fault(image.detail)


def _document_faults(document: Document) -> Faults:
    yield from _source_faults(document, _MEDIA_TYPE, "application/pdf")
    fault = text_fault(document.name, blank_allowed=True)
    if fault is None and len(document.name) > MAX_DOCUMENT_NAME_CHARS:
        fault = f"must have at most {MAX_DOCUMENT_NAME_CHARS} characters"
    yield "name", fault


def _source_faults(source: Image | Document, media_type: re.Pattern[str], example: str) -> Faults:
    if bool(source.data) == bool(source.url):
        yield "", "must have data or url, but not both"
    yield from _bytes_faults(data=source.data)
    if source.url != "":
        yield "url", url_fault(source.url)
    if source.media_type == "":
        yield "media_type", f"must be given with data, such as {example}" if source.data else None
    elif text_fault(source.media_type) or not media_type.fullmatch(source.media_type):
        yield "media_type", f"must be a media type without parameters, such as {example}"


def _tool_call_faults(call: ToolCall) -> Faults:
    yield "id", text_fault(call.id)
    yield "name", name_fault(call.name)
    yield "arguments_json", text_fault(call.arguments_json, blank_allowed=True)
    yield from _bytes_faults(signature=call.signature)


def _tool_result_faults(result: ToolResult) -> Faults:
    yield "tool_call_id", text_fault(result.tool_call_id)
    if result.structured_json is not None:
        yield "structured_json", json_value_fault(result.structured_json)


def _content_violations(place: str, result: ToolResult) -> Iterator[Violation]:
    for index, part in enumerate(result.content):
        where = f"{place}.content[{index}]"
        if type(part) not in _RESULT_PARTS:
            yield Violation(where, "must be text, an image or a document")
        elif not isinstance(part, TextPart):
            yield from part_violations(where, part, Role.USER)
        elif fault := text_fault(part.text, blank_allowed=True):
            yield Violation(f"{where}.text", fault)


def _reasoning_faults(reasoning: Reasoning) -> Faults:
    if not (reasoning.text or reasoning.signature or reasoning.redacted or reasoning.id):
        yield "", "must have text, a signature, redacted reasoning or an id"
    yield "text", text_fault(reasoning.text, blank_allowed=True)
    yield "provider", word_fault(reasoning.provider)
    yield "id", text_fault(reasoning.id, blank_allowed=True)
    yield from _bytes_faults(signature=reasoning.signature, redacted=reasoning.redacted)


def _cache_point_faults(point: CachePoint) -> Faults:
    if point.ttl_s is not None and not (is_number(point.ttl_s, 0, MAX_CACHE_TTL_S) and point.ttl_s > 0):
        yield "ttl", f"must be more than 0 and at most {MAX_CACHE_TTL_S:.0f} seconds"


def _bytes_faults(**values: object) -> Faults:
    for name, value in values.items():
        yield name, None if isinstance(value, bytes) else "must be bytes"


_RULES: dict[type[Part], Callable[[Any], Faults]] = {
    Image: _image_faults,
    Document: _document_faults,
    ToolCall: _tool_call_faults,
    ToolResult: _tool_result_faults,
    Reasoning: _reasoning_faults,
    CachePoint: _cache_point_faults,
    Refusal: _refusal_faults,
}
