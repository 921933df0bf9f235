"""JSON that is kept as text, so that order, spacing and 64-bit integers do not change."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from llm_relay.messages.text import is_utf8

MAX_SCHEMA_BYTES = 64 * 1024
MAX_JSON_DEPTH = 32


def is_json(text: str) -> bool:
    """Returns whether a text is one JSON value. NaN and Infinity are not JSON."""
    try:
        json_value(text)
    except ValueError:
        return False
    return True


def json_value(text: object) -> Any:
    """Parses JSON text to check it; integers become floats. Raises ValueError, which says what is wrong."""
    if not isinstance(text, str):
        raise ValueError("must be JSON text")  # noqa: TRY004 - callers put the text into a violation
    if not text.isascii() and not is_utf8(text):
        raise ValueError("must be valid Unicode, without lone surrogates")
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_int=float)
    except RecursionError as error:
        raise ValueError("must be nested less deeply") from error
    except ValueError as error:
        raise ValueError("must be valid JSON") from error


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError


def json_object(text: object) -> dict[str, Any]:
    """Parses the text of a JSON object of at most 64 KiB and 32 levels. Raises ValueError, which says what is wrong."""
    if isinstance(text, str) and len(text.encode(errors="replace")) > MAX_SCHEMA_BYTES:
        raise ValueError(f"must be at most {MAX_SCHEMA_BYTES // 1024} KiB")
    value = json_value(text)
    if not isinstance(value, dict):
        raise ValueError("must be a JSON object")  # noqa: TRY004 - as above
    if is_deeper_than(value, MAX_JSON_DEPTH):
        raise ValueError(f"must be at most {MAX_JSON_DEPTH} levels deep")
    return value


def json_object_fault(text: object) -> str | None:
    """Returns why a text is not such a JSON object, or None if it is."""
    try:
        json_object(text)
    except ValueError as error:
        return str(error)
    return None


def json_value_fault(text: object) -> str | None:
    """Returns why a text is not a JSON value of at most 32 levels, or None if it is."""
    try:
        value = json_value(text)
    except ValueError as error:
        return str(error)
    return f"must be at most {MAX_JSON_DEPTH} levels deep" if is_deeper_than(value, MAX_JSON_DEPTH) else None


def is_deeper_than(value: object, levels: int) -> bool:
    """Returns whether objects and lists are nested more than `levels` deep."""
    layer = [value]
    for _ in range(levels):
        layer = [child for one in layer for child in _children(one)]
    return any(isinstance(one, dict | list) for one in layer)


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
