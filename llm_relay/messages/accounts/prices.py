"""Prices that an operator sets, which win over the price list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The price of the models that match a pattern, in nano-USD per million tokens. 0 means free."""

    id: str = ""
    """Empty: not created yet, or from the setting PRICES."""
    pattern: str
    """`provider/model`, with `*` and `?`."""
    input: int
    output: int
    cache_read: int | None = None
    """None: the input price."""
    cache_write: int | None = None
    """None: the input price."""
    valid_from: datetime | None = None
    """None: always."""
    valid_until: datetime | None = None
    """Exclusive; None: forever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFound:
    """The current price of a model at a provider, and where that price comes from."""

    provider: str
    model: str
    price: Price | None
    """The rates for short prompts; None: no price is known."""
    source: str = ""
    """As in `price_source` of calls; empty: no price is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repricing:
    """The result of pricing calls of unknown cost."""

    priced: int
    """How many calls have a cost now."""
    nano_usd: int
    """Their total cost."""
    unknown: int
    """How many calls still have an unknown cost."""
