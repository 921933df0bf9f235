"""Reads JSON as providers write it, which is a little more than the standard allows."""

from __future__ import annotations

import json

import orjson


def parse(data: bytes) -> object:
    """Parses JSON, including NaN and halves of surrogate pairs. Raises ValueError."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return parse_exactly(data)


def parse_exactly(data: bytes) -> object:
    """Does the same as `parse`, and keeps every digit of whole numbers over 64 bits."""
    try:
        return json.loads(data.decode())
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def arguments_text(arguments: object) -> str:
    """Returns a call's arguments as text, even if a server sends an object. No or empty arguments are an empty text."""
    if isinstance(arguments, str):
        return arguments
    return "" if arguments in (None, {}, []) else json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))


def is_whole_object(text: str) -> bool:
    """Tells whether a text is a whole JSON object."""
    if not text.lstrip().startswith("{"):
        return False
    try:
        return isinstance(parse(text.encode(errors="replace")), dict)
    except ValueError:
        return False
