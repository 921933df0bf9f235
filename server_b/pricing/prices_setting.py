"""Reads PRICES: `provider/pattern=input/output[/cache_read[/cache_write]]`, in USD per million tokens."""

from __future__ import annotations

from llm_relay.amounts import NANO_USD_PER_USD
from llm_relay.messages.accounts import Price
from llm_relay.plain_numbers import decimal_number

_MOST_USD = 1_000_000
"""One dollar per token."""
_FIX = (
    "write provider/model=input/output, in USD per million tokens, such as openai/my-*=2.50/10.00;"
    " /cache_read and /cache_write may follow"
)


def prices_from_text(text: str) -> tuple[Price, ...]:
    """Reads PRICES, in the order in which they are matched. Raises ValueError with the fix."""
    return tuple(_price(entry) for entry in map(str.strip, text.split(",")) if entry)


def _price(entry: str) -> Price:
    # A model's name, such as the mock's, may contain = and /; the amounts contain no =.
    pattern, equals, amounts = entry.rpartition("=")
    provider, _, model = pattern.strip().partition("/")
    rates = [_nano_usd(amount, entry) for amount in amounts.split("/")]
    if not equals or not provider or not model or not 2 <= len(rates) <= 4:
        raise ValueError(f"{entry}: is not a price: {_FIX}")
    input_, output, read, write = (*rates, None, None)[:4]
    if input_ is None or output is None:  # never: there are two rates or more
        raise ValueError(f"{entry}: is not a price: {_FIX}")
    return Price(pattern=f"{provider}/{model}", input=input_, output=output, cache_read=read, cache_write=write)


def _nano_usd(amount: str, entry: str) -> int:
    usd = decimal_number(amount.strip())
    if usd is None:
        raise ValueError(f"{entry}: is not a price: {_FIX}")
    nano = usd * NANO_USD_PER_USD
    if not 0 <= nano <= _MOST_USD * NANO_USD_PER_USD or nano != int(nano):
        raise ValueError(f"{entry}: a rate must be 0 to {_MOST_USD} USD, with 9 decimals at most")
    return int(nano)
