"""The deltas of an answer so far, for readers that each read at their own pace."""

from __future__ import annotations

from collections.abc import Sequence
from sys import getsizeof

from llm_relay.messages import Delta

DELTA_BYTES = 120
"""A delta beside its text."""
JOIN_AT = 256
"""How many small deltas may gather before those that every reader has taken are joined."""


class Transcript:
    """Deltas in order of their numbers. Few objects are kept: old ones are joined."""

    __slots__ = ("_deltas", "_first_loose", "added_bytes", "bytes", "sequence")

    def __init__(self, deltas: Sequence[Delta] = ()) -> None:
        self._deltas = list(deltas)
        self._first_loose = len(self._deltas)
        self.bytes = sum(_bytes(delta) for delta in self._deltas)
        """What it takes in memory now."""
        self.added_bytes = self.bytes
        """What all that was added took, before it was joined."""
        self.sequence = self._deltas[-1].sequence if self._deltas else 1
        """The number of the last delta; 1, that of the start, before the first."""

    def add(self, text: str, count: int = 1) -> None:
        """Adds text that the provider sent in `count` deltas of its own."""
        self.sequence += count
        delta = Delta(text=text, sequence=self.sequence)
        self._deltas.append(delta)
        self.bytes += (size := _bytes(delta))
        self.added_bytes += size

    def after(self, sequence: int) -> list[Delta]:
        """Returns what came after the delta with that number, joined where it can be."""
        first = len(self._deltas)
        while first and self._deltas[first - 1].sequence > sequence:
            first -= 1
        return joined(self._deltas[first:])

    @property
    def deltas(self) -> tuple[Delta, ...]:
        """All of it, joined where it can be."""
        return tuple(joined(self._deltas))

    @property
    def text(self) -> str:
        """All of its text."""
        return "".join([delta.text for delta in self._deltas])

    @property
    def is_scattered(self) -> bool:
        """Whether so many small deltas have gathered that joining them saves memory."""
        return len(self._deltas) - self._first_loose >= JOIN_AT

    def join_until(self, sequence: int) -> None:
        """Joins the deltas up to that number, which no reader stands between."""
        last = self._first_loose
        while last < len(self._deltas) and self._deltas[last].sequence <= sequence:
            last += 1
        loose = self._deltas[self._first_loose : last]
        together = joined(loose)
        self._deltas[self._first_loose : last] = together
        self._first_loose += len(together)
        self.bytes += sum(map(_bytes, together)) - sum(map(_bytes, loose))

    def clear(self) -> None:
        """Forgets the deltas; their numbers are still counted."""
        self._deltas.clear()
        self._first_loose = self.bytes = 0


def joined(deltas: list[Delta]) -> list[Delta]:
    """Joins neighbours of one kind, under the number of the last. Nothing else knows what can be joined."""
    if len(deltas) < 2:
        return deltas
    return [Delta(text="".join([delta.text for delta in deltas]), sequence=deltas[-1].sequence)]


def _bytes(delta: Delta) -> int:
    return DELTA_BYTES + getsizeof(delta.text)
