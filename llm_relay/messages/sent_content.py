"""Writes what a provider receives of a prompt, for a digest: equal bytes for equal questions, and only for those."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_relay.messages.prompt import Prompt

Write = Callable[[bytes], object]

_NOT_SENT = frozenset({"request_id", "tags", "max_cost_nano_usd"})
"""Fields that no provider receives."""


def write_sent_content(prompt: Prompt, write: Write) -> None:
    """Writes all that a provider may receive of a prompt: everything but request_id, tags and max_cost_nano_usd.

    `write`, such as `hashlib.sha256().update`, is called with each piece.
    """
    _write_fields(prompt, write)


def _write(value: object, write: Write) -> None:
    # The kind and the length of each value are written too, so that no two prompts write the same bytes.
    if isinstance(value, str):
        text = value.encode()
        write(b"s%d:" % len(text))
        write(text)
    elif isinstance(value, tuple):
        write(b"t%d:" % len(value))
        for one in value:
            _write(one, write)
    elif isinstance(value, bytes):
        write(b"b%d:" % len(value))
        write(value)
    elif isinstance(value, enum.Enum):
        write(b"e%s;" % value.name.encode())
    elif value is None or isinstance(value, int | float):
        write(b"%r;" % _number(value))
    elif isinstance(value, Mapping):
        write(b"m%d:" % len(value))
        for key in sorted(value):
            _write(key, write)
            _write(value[key], write)
    else:
        _write_fields(value, write)


def _number(value: float | None) -> float | None:
    # 1 and 1.0 are the same question.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _write_fields(value: object, write: Write) -> None:
    write(b"d%s:" % type(value).__name__.encode())
    for name in type(value).__slots__:  # type: ignore[attr-defined]
        if name not in _NOT_SENT:
            _write(getattr(value, name), write)
