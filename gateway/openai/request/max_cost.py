"""Amounts of money in a request."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

from gateway.openai.errors import BadParam
from llm_relay.amounts import NANO_USD_PER_USD
from llm_relay.plain_numbers import decimal_number, small_number

_MOST_DIGITS = 12
"""Digits before the point. No call costs a billion dollars, and a large exponent is slow to expand."""


def nano_usd(usd: float | str) -> int:
    """Returns `max_cost_usd` in nano-dollars, rounded down. Raises BadParam."""
    amount = _number(usd) if isinstance(usd, str) else Decimal(str(usd))
    if amount is None or not amount.is_finite() or amount.adjusted() > _MOST_DIGITS:
        raise BadParam("max_cost_usd", "max_cost_usd: must be a number of USD, such as 0.05")
    return math.floor(Fraction(amount) * NANO_USD_PER_USD)


def _number(text: str) -> Decimal | None:
    number = decimal_number(text)
    return small_number(text) if number is None else number
