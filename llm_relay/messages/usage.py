"""What a call used, and what that costs."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from llm_relay.amounts import NANO_USD_PER_USD


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

    @property
    def adds_up(self) -> bool:
        """Whether input and output are known, and no count contradicts another."""
        if self.input_tokens is None or self.output_tokens is None:
            return False
        read, written = self.cache_read_tokens or 0, self.cache_write_tokens or 0
        return min(self.input_tokens, self.output_tokens, read, written) >= 0 and read + written <= self.input_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a call costs by list price; `usd` None: no price is known."""

    usd: Decimal | None = None
    price_source: str = ""

    @property
    def nano_usd(self) -> int | None:
        """The cost in billionths of a dollar, as callers and the ledger see it; None: no price is known."""
        if self.usd is None:
            return None
        return int((self.usd * NANO_USD_PER_USD).to_integral_value(rounding=ROUND_HALF_EVEN))
