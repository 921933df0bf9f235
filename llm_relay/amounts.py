"""Amounts of money, in nano-USD and as text."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

NANO_USD_PER_USD = 1_000_000_000


def dollars(nano_usd: int) -> str:
    """Returns nano-USD as dollars, with every significant digit: `$0.000000007`."""
    return f"${Decimal(nano_usd).scaleb(-9).normalize():f}"


def full_budget_text(scope: str, *, limit: int, spent: int, reserved: int, resets_at: datetime | None) -> str:
    """Returns the message for a budget with no room for a call. Amounts are in nano-USD."""
    used = f"{dollars(spent)} spent and {dollars(reserved)} reserved by running calls"
    reset = f"; it resets at {resets_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if resets_at else ""
    return f"the budget {scope} has no room for this call: its limit is {dollars(limit)}, with {used}{reset}"
