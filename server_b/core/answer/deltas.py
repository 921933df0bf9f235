"""Deltas of an answer: the memory that each takes, and how neighbours are joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from sys import getsizeof

from llm_relay.messages import (
    Delta,
    OutputDelta,
    ReasoningDelta,
    RefusalDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
)

DELTA_BYTES = 120
"""Memory of a delta besides its text."""


def delta_bytes(delta: OutputDelta) -> int:
    """Returns the memory that a delta takes, in bytes."""
    match delta:
        case Delta() | RefusalDelta():
            return DELTA_BYTES + getsizeof(delta.text)
        case ToolCallDelta():
            return DELTA_BYTES + getsizeof(delta.arguments)
        case ReasoningDelta():
            hidden = len(delta.signature) + len(delta.redacted)
            return DELTA_BYTES + getsizeof(delta.text) + getsizeof(delta.id) + hidden
        case ToolCallFinished():
            call = delta.call
            texts = getsizeof(call.id) + getsizeof(call.name) + getsizeof(call.arguments_json)
            return DELTA_BYTES + texts + len(call.signature)
        case ToolCallStarted():
            return DELTA_BYTES + getsizeof(delta.id) + getsizeof(delta.name)


def joined(deltas: list[OutputDelta]) -> list[OutputDelta]:
    """Joins neighbouring deltas of the same kind and block; each result has the number of its last delta."""
    if len(deltas) < 2:
        return deltas
    if _are_one_text(deltas):
        return [_one(deltas)]
    together: list[OutputDelta] = []
    first = 0
    for end in range(1, len(deltas) + 1):
        if end == len(deltas) or not _continues(deltas[end - 1], deltas[end]):
            together.append(deltas[first] if end - first == 1 else _one(deltas[first:end]))
            first = end
    return together


def _are_one_text(deltas: Sequence[OutputDelta]) -> bool:
    """Tells whether all deltas are text of one block: the usual case, and faster to check than all neighbours."""
    index = deltas[0].index
    return all(type(delta) is Delta and delta.index == index for delta in deltas)


def _continues(delta: OutputDelta, following: OutputDelta) -> bool:
    if type(delta) is not type(following) or delta.index != following.index:
        return False
    if isinstance(delta, ReasoningDelta) and isinstance(following, ReasoningDelta):
        is_closed = delta.signature or delta.redacted or following.redacted
        return not is_closed and following.id in ("", delta.id)
    return isinstance(delta, Delta | RefusalDelta | ToolCallDelta)


def _one(deltas: Sequence[OutputDelta]) -> OutputDelta:
    last = deltas[-1]
    match deltas[0]:
        case Delta() as first:
            return Delta(text=_texts(deltas), sequence=last.sequence, index=first.index)
        case ToolCallDelta() as first:
            arguments = "".join([one.arguments for one in deltas if isinstance(one, ToolCallDelta)])
            return replace(first, arguments=arguments, sequence=last.sequence)
        case RefusalDelta() as first:
            return replace(first, text=_texts(deltas), sequence=last.sequence)
        case ReasoningDelta() as first if isinstance(last, ReasoningDelta):
            return replace(first, text=_texts(deltas), signature=last.signature, sequence=last.sequence)
        case _:  # no other kinds are joined
            return last


def _texts(deltas: Sequence[OutputDelta]) -> str:
    return "".join([one.text for one in deltas if isinstance(one, Delta | ReasoningDelta | RefusalDelta)])
