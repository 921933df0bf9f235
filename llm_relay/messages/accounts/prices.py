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
