"""Amounts of money: in nano-USD, and for people."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

NANO_USD_PER_USD = 1_000_000_000


def dollars(nano_usd: int) -> str:
    """Writes nano-USD in dollars, every digit that it has: `$0.000000007`."""
    return f"${Decimal(nano_usd).scaleb(-9).normalize():f}"


def full_budget_text(scope: str, *, limit: int, spent: int, reserved: int, resets_at: datetime | None) -> str:
    """Tells that a budget has no room for a call; amounts are in nano-USD."""
    parts = f"{dollars(spent)} spent and {dollars(reserved)} reserved by running calls"
    reset = f"; it resets at {resets_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if resets_at else ""
    return f"the budget {scope} has no room for this call: of {dollars(limit)}, {parts}{reset}"
