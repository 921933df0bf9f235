"""Amounts of money in a request."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal, InvalidOperation

from gateway.openai.errors import BadParam

_NANO_PER_USD = 10**9


def nano_usd(usd: float | str) -> int:
    """Returns `max_cost_usd` in nano-dollars, rounded down; raises BadParam."""
    try:
        return int((Decimal(str(usd)) * _NANO_PER_USD).to_integral_value(ROUND_FLOOR))
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise BadParam("max_cost_usd", "max_cost_usd: must be a number of USD, such as 0.05") from error
