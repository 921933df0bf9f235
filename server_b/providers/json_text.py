"""JSON as providers write it: a little more than the standard allows."""

from __future__ import annotations

import json

import orjson


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
