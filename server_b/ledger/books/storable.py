"""What a database can hold: texts without NUL and half characters, integers of 64 bits."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from server_b.ledger.entries import CallEnd, NewCall

E = TypeVar("E", NewCall, CallEnd)

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LARGEST = (1 << 63) - 1


def storable(entry: E) -> E:
    """Returns a call's beginning or end in which U+FFFD and the largest integer replace what cannot be stored.

    Only entries that a database has refused come here: no check is needed for the others.
    """
    return dataclasses.replace(
        entry, **{field.name: _value(getattr(entry, field.name)) for field in dataclasses.fields(entry)}
    )


def _value(value: Any) -> Any:
    match value:
        case str():
            return _UNSTORABLE.sub("\ufffd", value)
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
