"""Reads parts from JSON."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast
from urllib.parse import unquote_to_bytes

from llm_relay.documents.parts.part_documents import PartDocument, ResultPartDocument
from llm_relay.documents.raw_json import RawJson, json_text
from llm_relay.errors import Violation
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

_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),(.*)", re.IGNORECASE | re.DOTALL)
_UNREADABLE = b"-"
_ANY_MEDIA_TYPE = "image/png"
"""They replace what could not be read, so that the rest of the part is checked."""

S = TypeVar("S", Image, Document)


class PartReader:
    """Reads parts, and collects what is wrong with their bytes and JSON values. Prompt checks the rest."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def parts(self, documents: Sequence[PartDocument | ResultPartDocument], place: str) -> tuple[Part, ...]:
        """Reads a list of parts. `place` is its name in errors."""
        return tuple(self._part(document, f"{place}[{index}]") for index, document in enumerate(documents))

    def _part(self, document: PartDocument | ResultPartDocument, place: str) -> Part:
        ((kind, value),) = document.items()
        place = f"{place}.{kind}"
        match kind:
            case "text":
                return TextPart(text=cast("str", value))
            case "refusal":
                return Refusal(text=cast("str", value))
            case "image":
                return self._source(Image, _members(value), place)
            case "document":
                return self._source(Document, _members(value), place)
            case "tool_call":
                return self._tool_call(_members(value), place)
            case "tool_result":
                return self._tool_result(_members(value), place)
            case "reasoning":
                return Reasoning(**self._with_bytes(_members(value), place, "signature", "redacted"))
            case _:
                return CachePoint(ttl_s=_members(value).get("ttl_seconds"))

    def _source(self, kind: type[S], members: dict[str, Any], place: str) -> S:
        url = members.get("url")
        if isinstance(url, str) and url[:5].lower() == "data:" and "data" not in members:
            return self._from_data_url(kind, members, url, place)
        return kind(**self._with_bytes(members, place, "data"))

    def _from_data_url(self, kind: type[S], members: dict[str, Any], url: str, place: str) -> S:
        del members["url"]
        found = _DATA_URL.fullmatch(url)
        if found is None:
            self._refuse(f"{place}.url", "must have its data after a comma, such as data:image/png;base64,…")
            return kind(**{"media_type": _ANY_MEDIA_TYPE, **members}, data=_UNREADABLE)
        media_type, parameters, content = found.groups()
        if members.setdefault("media_type", media_type) != media_type:
            self._refuse(f"{place}.media_type", "must be the media type of the data: URL")
        is_base64 = parameters.lower().endswith(";base64")
        data = self._bytes(content, f"{place}.url") if is_base64 else unquote_to_bytes(content)
        if not data:
            self._refuse(f"{place}.url", "must have data after its comma")
        return kind(**members, data=data or _UNREADABLE)

    def _tool_call(self, members: dict[str, Any], place: str) -> ToolCall:
        arguments, text = members.pop("arguments", None), members.pop("arguments_text", None)
        members = self._with_bytes(members, place, "signature")
        if arguments is None or arguments == RawJson("null"):
            return ToolCall(arguments_json="" if text is None else text, **members)
        if text is not None:
            self._refuse(f"{place}.arguments_text", "must not be given together with arguments")
        return ToolCall(arguments_json=self._json(arguments, f"{place}.arguments"), **members)

    def _tool_result(self, members: dict[str, Any], place: str) -> ToolResult:
        structured = members.pop("structured", None)
        content = self.parts(members.pop("content", ()), f"{place}.content")
        return ToolResult(
            content=cast("tuple[ResultPart, ...]", content),
            structured_json=None if structured is None else self._json(structured, f"{place}.structured"),
            **members,
        )

    def _with_bytes(self, members: dict[str, Any], place: str, *names: str) -> dict[str, Any]:
        """Returns the members, with those in `names` decoded."""
        read = {name: self._bytes(members[name], f"{place}.{name}") for name in names if name in members}
        return {**members, **read}

    def _bytes(self, value: object, place: str) -> bytes:
        try:
            return base64.b64decode(value, validate=True)  # type: ignore[arg-type]
        except (TypeError, ValueError, binascii.Error):
            self._refuse(place, "must be base64 (RFC 4648, section 4), with its padding")
            return _UNREADABLE

    def _json(self, value: object, place: str) -> str:
        try:
            return json_text(value)
        except ValueError:
            self._refuse(place, "must be a JSON value")
            return "null"

    def _refuse(self, place: str, text: str) -> None:
        self.violations.append(Violation(place, text))


def _members(value: object) -> dict[str, Any]:
    return dict(cast("Mapping[str, Any]", value))
