"""JSON values that keep their text, so that order, spacing and 64-bit integers do not change."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

RAW_MEMBERS = frozenset(("arguments", "structured"))
"""Members whose values keep their text, wherever they are in a body."""

_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\],:]', re.DOTALL)
_BLANKS = " \t\r\n"


@dataclass(frozen=True, slots=True)
class RawJson:
    """A JSON value, as its text."""

    text: str


def json_text(value: object) -> str:
    """Returns a JSON value as text. Raises ValueError if it is not a JSON value."""
    if isinstance(value, RawJson):
        return value.text
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_parsed)
    except (TypeError, RecursionError) as error:
        raise ValueError("must be a JSON value") from error


def exact_value(text: str) -> Any:
    """Parses JSON. Raises ValueError for a number that a Python float cannot hold exactly."""
    return json.loads(text, parse_float=_exact_float)


def _exact_float(text: str) -> float:
    number = float(text)
    # repr is the shortest text that gives the same float.
    if not math.isfinite(number) or Decimal(repr(number)) != Decimal(text):
        raise ValueError("must be a number that a double can hold")
    return number


def arguments_of_call(request: bytes) -> RawJson | None:
    """Returns `params.arguments` of a valid JSON-RPC request in UTF-8, to be parsed with RAW_MEMBERS kept.

    Returns None if they have no such members.
    """
    if request.count(b'"arguments"') < 2 and b'"structured"' not in request:
        return None
    # Inner objects end first, so the last object that has arguments is `params`.
    *_, params = (found for found in raw_members(request.decode()) if "arguments" in found)
    return params["arguments"]


def plain_value(value: Any) -> Any:
    """Parses a RawJson. Returns other values unchanged."""
    return json.loads(value.text) if isinstance(value, RawJson) else value


def _parsed(value: object) -> Any:
    if isinstance(value, RawJson):
        return json.loads(value.text)
    raise TypeError


def has_raw_members(text: str) -> bool:
    """Returns whether a JSON text may have members that keep their text."""
    return any(f'"{name}"' in text for name in RAW_MEMBERS)


@dataclass(slots=True)
class _Open:
    """An object or a list that has not ended yet."""

    is_object: bool
    name: str | None = None
    """The name of the member that is being read."""
    starts_at: int = 0
    """Where the member's value begins."""
    found: dict[str, RawJson] = field(default_factory=dict)

    def end_member(self, text: str, at: int) -> None:
        if self.name in RAW_MEMBERS:
            self.found[self.name] = RawJson(text[self.starts_at : at].strip(_BLANKS))
        self.name = None


def raw_members(text: str) -> Iterator[dict[str, RawJson]]:
    """Yields the RAW_MEMBERS of each object that has any, in the order in which the objects end.

    The text must be valid JSON as far as it is read. A JSON decoder ensures that if it asks for the next ones at the
    end of each object that has such members.
    """
    opened = [_Open(is_object=False)]
    for token in _TOKEN.finditer(text):
        at, inner = token.start(), opened[-1]
        match text[at]:
            case '"':
                if inner.is_object and inner.name is None:
                    inner.name = _unescaped(token[0])
            case ":":
                inner.starts_at = at + 1
            case ",":
                inner.end_member(text, at)
            case "{" | "[":
                opened.append(_Open(is_object=text[at] == "{"))
            case _:
                inner.end_member(text, at)
                opened.pop()
                if inner.found:
                    yield inner.found


def _unescaped(token: str) -> str:
    return str(json.loads(token)) if "\\" in token else token[1:-1]
