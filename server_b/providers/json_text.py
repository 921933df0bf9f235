"""JSON as providers write it: a little more than the standard allows."""

from __future__ import annotations

import json

import orjson


def parse(data: bytes) -> object:
    """Parses JSON, NaN and halves of surrogate pairs too; raises ValueError."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return parse_exactly(data)


def parse_exactly(data: bytes) -> object:
    """Does the same, and keeps every digit of whole numbers of more than 64 bits."""
    try:
        return json.loads(data.decode())
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def arguments_text(arguments: object) -> str:
    """Returns a call's arguments as text; some servers send the object itself. Nothing, or an empty one, is none."""
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
