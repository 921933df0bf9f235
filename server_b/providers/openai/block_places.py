"""The places of an answer's blocks, in the order in which they begin: one of each kind, and one for each tool call."""

from __future__ import annotations

TEXT = "text"
REASONING = "reasoning"
REFUSAL = "refusal"


class Blocks:
    """Numbers the blocks of one answer."""

    __slots__ = ("_count", "_places")

    def __init__(self) -> None:
        self._count = 0
        self._places: dict[str, int] = {}

    def of(self, kind: str) -> int:
        """Returns the place of the block of a kind, which begins now unless it has begun."""
        place = self._places.get(kind)
        if place is None:
            place = self._places[kind] = self.next()
        return place

    def next(self) -> int:
        """Returns the place of another block."""
        place, self._count = self._count, self._count + 1
        return place
