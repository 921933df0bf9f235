"""Numbers an answer's blocks in the order in which they begin: one for each kind, and one for each tool call."""

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
        """Returns the number of the block of a kind. The block begins now if it has not begun."""
        place = self._places.get(kind)
        if place is None:
            place = self._places[kind] = self.next()
        return place

    def next(self) -> int:
        """Returns the number of a new block."""
        place, self._count = self._count, self._count + 1
        return place
