"""Limits values to what a database can hold: short text without NUL and lone surrogates, 64-bit integers."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from server_b.ledger.entries import MOST_NANO_USD, MOST_TOKENS, CallEnd, NewCall

E = TypeVar("E", NewCall, CallEnd)

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
MOST_CHARS = 512
"""Longest text that is stored; callers send shorter ones. PostgreSQL's keys, which texts are part of, hold 2.7 kB."""
_LARGEST = (1 << 63) - 1
_COUNTS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")


def bounded_call(call: NewCall) -> NewCall:
    """Returns the call with its bound capped at MOST_NANO_USD."""
    if call.bound_nano_usd is None or call.bound_nano_usd <= MOST_NANO_USD:
        return call
    return dataclasses.replace(call, bound_nano_usd=MOST_NANO_USD)


def bounded_end(end: CallEnd) -> CallEnd:
    """Returns the end with its cost and token counts capped at MOST_NANO_USD and MOST_TOKENS."""
    most = dict.fromkeys(_COUNTS, MOST_TOKENS) | {"nano_usd": MOST_NANO_USD}
    changes: dict[str, Any] = {name: limit for name, limit in most.items() if (getattr(end, name) or 0) > limit}
    return dataclasses.replace(end, **changes) if changes else end


def storable(entry: E) -> E:
    """Returns the entry with its texts cut, and U+FFFD and the largest integer in place of what cannot be stored.

    Used only for entries that a database has refused, so that the others pay for no check.
    """
    return dataclasses.replace(
        entry, **{field.name: _value(getattr(entry, field.name)) for field in dataclasses.fields(entry)}
    )


def _value(value: Any) -> Any:
    match value:
        case str():
            return _UNSTORABLE.sub("\ufffd", value[:MOST_CHARS])
        case bool():
            return value
        case int():
            return max(-_LARGEST, min(value, _LARGEST))
        case Mapping():
            return {_value(key): _value(item) for key, item in value.items()}
        case tuple():
            return tuple(_value(item) for item in value)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = dataclasses.fields(value)
            return dataclasses.replace(value, **{field.name: _value(getattr(value, field.name)) for field in fields})
        case _:
            return value
