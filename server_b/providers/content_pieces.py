"""What a provider yields of an answer that is more than text.

An adapter numbers the blocks of an answer itself, from 0, in the order in which they begin, whatever numbers or ids
the provider gives them. `Text` is block 0 unless it says otherwise. Interleaved blocks are allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class ReasoningPiece:
    """More of the model's reasoning."""

    index: int
    """The block."""
    text: str = ""
    signature: bytes = b""
    """The provider's own, byte for byte, with the block's last piece. May come with empty text."""
    redacted: bytes = b""
    """Reasoning that only the provider can read."""
    id: str = ""
    """The provider's own, with the block's first piece."""
    count: int = 1
    """How many of the provider's own deltas it is made of."""


@dataclass(frozen=True, slots=True)
class RefusalPiece:
    """More of the words in which the model refuses to answer, never empty."""

    index: int
    text: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class CallStarted:
    """The model begins to call a tool."""

    index: int
    id: str
    """The provider's own; an adapter whose provider gives none makes one."""
    name: str


@dataclass(frozen=True, slots=True)
class CallArguments:
    """More of a call's arguments, JSON text as the provider wrote it, never empty."""

    index: int
    arguments: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class CallFinished:
    """A call is complete. The core adds up its arguments, and makes none of them `{}`."""

    index: int
    signature: bytes = b""
    """The provider's own, given back with the call byte for byte."""


ContentPiece: TypeAlias = ReasoningPiece | RefusalPiece | CallStarted | CallArguments | CallFinished
