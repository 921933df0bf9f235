"""Packs an answer into one flat tuple, which the garbage collector does not track.

Thousands of answers are kept. As objects they would lengthen every full collection, during which no caller is served.
A tuple of only strings and numbers is no longer tracked after the first collection.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from llm_relay.messages import (
    Accuracy,
    Cost,
    Delta,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    Started,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
)

_DATA: tuple[type[Any], ...] = (
    *(Started, Finished, Usage, Cost),
    *(Delta, ReasoningDelta, RefusalDelta, ToolCallStarted, ToolCallDelta, ToolCallFinished, ToolCall),
)
_FIELDS = {kind: attrgetter(*kind.__slots__) for kind in _DATA}
_ENUMS: frozenset[type[Any]] = frozenset({Accuracy, FinishReason})
_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (*_DATA, *_ENUMS)}


_MESSAGES = frozenset({*_DATA, *_ENUMS, tuple})


def packed(value: Any) -> tuple[Any, ...]:
    """Packs what an answer is made of: messages, enums, atoms, and tuples of them.

    A message is an ellipsis, its name, and its fields; a tuple is an ellipsis, its length, and its elements.
    """
    atoms: list[Any] = []
    _pack(value, atoms)
    return tuple(atoms)


def _pack(value: Any, atoms: list[Any]) -> None:
    kind = type(value)
    if kind is tuple:
        atoms += (..., len(value))
        fields = value
    elif kind in _FIELDS:
        atoms += (..., kind.__name__)
        fields = _FIELDS[kind](value)
    else:
        atoms += (..., kind.__name__, value.value)
        return
    for field in fields:
        if type(field) in _MESSAGES:
            _pack(field, atoms)
        else:
            atoms.append(field)


def unpacked(atoms: tuple[Any, ...]) -> Any:
    """Returns the value that was packed."""
    return _unpack(iter(atoms))


def _unpack(atoms: Iterator[Any]) -> Any:
    atom = next(atoms)
    if atom is not ...:
        return atom
    name = next(atoms)
    if isinstance(name, int):
        return tuple([_unpack(atoms) for _ in range(name)])
    kind = _KINDS[name]
    if kind in _ENUMS:
        return kind(next(atoms))
    return kind(**{field: _unpack(atoms) for field in kind.__slots__})
