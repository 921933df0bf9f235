"""Joins an answer's deltas into pieces: neighbouring deltas of one block are one piece."""

from __future__ import annotations

from typing import TypeAlias

from server_b.providers.base import Text
from server_b.providers.content_pieces import CallArguments, ContentPiece, ReasoningPiece, RefusalPiece
from server_b.providers.parsing.surrogates import Surrogates

OutputPiece: TypeAlias = Text | ContentPiece
DeltaKind: TypeAlias = type[Text | RefusalPiece | CallArguments | ReasoningPiece]
"""Kinds of pieces that are made of deltas."""


class Pieces:
    """Gathers deltas and makes pieces of them."""

    def __init__(self) -> None:
        self._pieces: list[OutputPiece] = []
        self._kind: DeltaKind = Text
        self._block = -1
        """The block of the last delta; -1: none."""
        self._deltas: list[str] = []
        self._surrogates = Surrogates()

    def add_delta(self, kind: DeltaKind, block: int, delta: str) -> None:
        """Takes a delta of a block."""
        if kind is not self._kind or block != self._block:
            self.end_block()
            self._kind, self._block = kind, block
        self._deltas.append(delta)

    def add(self, piece: OutputPiece) -> None:
        """Takes a piece that is not joined with others."""
        self.end_block()
        self._pieces.append(piece)

    def end_block(self) -> None:
        """Ends the current block: no later delta continues it."""
        self._join()
        if half := self._surrogates.rest():
            self._pieces.append(_piece(self._kind, self._block, half, 1))
        self._block = -1

    def taken(self) -> list[OutputPiece]:
        """Returns the pieces since the last call, and forgets them."""
        self._join()
        pieces, self._pieces = self._pieces, []
        return pieces

    def _join(self) -> None:
        if not self._deltas:
            return
        count, text = len(self._deltas), self._surrogates.joined("".join(self._deltas))
        self._deltas.clear()
        if text:
            self._pieces.append(_piece(self._kind, self._block, text, count))


def _piece(kind: DeltaKind, block: int, text: str, count: int) -> OutputPiece:
    if kind is Text:
        return Text(text, count, block)
    if kind is RefusalPiece:
        return RefusalPiece(block, text, count)
    if kind is CallArguments:
        return CallArguments(block, text, count)
    return ReasoningPiece(block, text, count=count)
