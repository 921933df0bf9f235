"""The pieces that a provider yields of content other than text.

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
    """Number of the block."""
    text: str = ""
    signature: bytes = b""
    """The provider's signature, byte for byte, with the block's last piece. The text may be empty."""
    redacted: bytes = b""
    """Reasoning that only the provider can read."""
    id: str = ""
    """The provider's id of the reasoning, with the block's first piece."""
    count: int = 1
    """Number of provider deltas in it."""


@dataclass(frozen=True, slots=True)
class RefusalPiece:
    """More of the text in which the model refuses to answer, never empty."""

    index: int
    text: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class CallStarted:
    """The model begins to call a tool."""

    index: int
    id: str
    """The provider's id of the call; if it gives none, the adapter makes one."""
    name: str


@dataclass(frozen=True, slots=True)
class CallArguments:
    """More of a call's arguments, JSON text as the provider wrote it, never empty."""

    index: int
    arguments: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class CallFinished:
    """A call is complete. The core joins its arguments; a call without arguments gets `{}`."""

    index: int
    signature: bytes = b""
    """The provider's signature, which is sent back with the call byte for byte."""


ContentPiece: TypeAlias = ReasoningPiece | RefusalPiece | CallStarted | CallArguments | CallFinished
