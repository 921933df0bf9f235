"""JSON as providers write it: a little more than the standard allows."""

from __future__ import annotations

import json

import orjson

END_MARK = b"[DONE]"
"""The data of the last event of a stream."""


def parse(data: bytes) -> object:
    """Parses JSON, NaN and halves of surrogate pairs too; raises ValueError."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(data.decode())
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def is_end_mark(data: bytes) -> bool:
    """Tells whether an event's data is the end mark, as it is meant to be or quoted as JSON."""
    return data.strip(b' \t\r\n"').upper() == END_MARK


def is_complete(data: bytes) -> bool:
    """Tells whether an event's data is a whole document, or the end mark."""
    if is_end_mark(data):
        return True
    try:
        return isinstance(parse(data), dict | list)
    except ValueError:
        return False
