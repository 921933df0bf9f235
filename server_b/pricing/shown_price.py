"""What a model's tokens cost, to be shown to people."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from llm_relay.amounts import NANO_USD_PER_USD
from llm_relay.messages import Usage
from server_b.pricing.price_list import PriceList

NANO_USD_A_MILLION = NANO_USD_PER_USD * 10**6


@dataclass(frozen=True, slots=True)
class ShownPrice:
    """What a model's tokens cost, in nano-USD per million. Of rates that rise with the input's length, the lowest."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    source: str
    """Where the prices come from."""


def shown_price(prices: PriceList, model: str) -> ShownPrice | None:
    """Returns what a model's tokens cost now; None if its price is not known."""
    nothing = prices.cost(model, Usage(input_tokens=0, output_tokens=0))
    if nothing.usd is None:
        return None

    def rate(*, inputs: int = 0, outputs: int = 0, read: int = 0, written: int = 0) -> int:
        usage = Usage(input_tokens=inputs, output_tokens=outputs, cache_read_tokens=read, cache_write_tokens=written)
        usd = prices.cost(model, usage).usd or Decimal(0)
        return int(((usd - (nothing.usd or 0)) * NANO_USD_A_MILLION).to_integral_value())

    return ShownPrice(
        input=rate(inputs=1),
        output=rate(outputs=1),
        cache_read=rate(inputs=1, read=1),
        cache_write=rate(inputs=1, written=1),
        source=nothing.price_source,
    )
