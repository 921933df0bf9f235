"""What a call used, and what that costs."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from decimal import Decimal


class Accuracy(enum.Enum):
    """Where a token count comes from: the provider, an estimate, or nowhere."""

    EXACT = "exact"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens that a call used; None is unknown, never 0."""

    input_tokens: int | None = None
    """All input, cache reads and writes included."""
    output_tokens: int | None = None
    """All output, reasoning included."""
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    accuracy: Accuracy = Accuracy.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a call costs by list price; `usd` None: no price is known."""

    usd: Decimal | None = None
    price_source: str = ""
