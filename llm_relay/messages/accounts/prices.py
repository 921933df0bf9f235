"""Prices that an operator sets, where the list has none or another one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What the tokens of the models that match a pattern cost, in nano-USD a million; 0 is a price."""

    id: str = ""
    """Empty: not made yet, or of the setting PRICES."""
    pattern: str
    """`provider/model`, with `*` and `?`."""
    input: int
    output: int
    cache_read: int | None = None
    """None: as input."""
    cache_write: int | None = None
    """None: as input."""
    valid_from: datetime | None = None
    """None: always."""
    valid_until: datetime | None = None
    """Exclusive; None: for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFound:
    """What a model costs at a provider now, and where that price is from."""

    provider: str
    model: str
    price: Price | None
    """The rates that hold for short prompts; None: no price is known."""
    source: str = ""
    """As in `price_source` of calls; empty: no price is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repricing:
    """What came of pricing calls afterwards whose cost was not known."""

    priced: int
    """Calls that have a cost now."""
    nano_usd: int
    """What they cost together."""
    unknown: int
    """Calls whose cost is still not known."""
