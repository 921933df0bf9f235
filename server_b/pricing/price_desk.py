"""What models cost now, for people and for calls that were not priced when they ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from llm_relay.messages import Cost, Usage
from llm_relay.messages.accounts import CallEntry, Price, PriceFound
from server_b.pricing.price_list import PriceList

NANO_USD_A_MILLION = 10**9 * 10**6


class PriceDesk:
    """The prices of every provider that may be asked."""

    def __init__(
        self, prices: Mapping[str, PriceList] | None = None, models: Mapping[tuple[str, str], str] | None = None
    ) -> None:
        """`prices` by provider, in the order in which they are asked; `models` as MODEL_MAP."""
        self._prices = prices or {}
        self._models = models or {}

    def find(self, model: str) -> Sequence[PriceFound]:
        """Returns what a model costs at each provider; `provider/model` asks that provider alone."""
        provider, slash, rest = model.partition("/")
        asked = [(provider, rest)] if slash and provider in self._prices else [(name, model) for name in self._prices]
        return [self._found(name, self._models.get((name, wanted), wanted)) for name, wanted in asked]

    def cost(self, call: CallEntry) -> Cost:
        """Returns what a call of those tokens costs now; unknown where its tokens or its price are not known."""
        prices = self._prices.get(call.provider)
        if prices is None or call.input_tokens is None or call.output_tokens is None:
            return Cost()
        usage = Usage(
            input_tokens=call.input_tokens,
            output_tokens=call.output_tokens,
            cache_read_tokens=call.cache_read_tokens,
            cache_write_tokens=call.cache_write_tokens,
            reasoning_tokens=call.reasoning_tokens,
        )
        return prices.cost(call.model, usage, call.service_tier)

    def _found(self, provider: str, model: str) -> PriceFound:
        prices = self._prices[provider]
        nothing = prices.cost(model, Usage(input_tokens=0, output_tokens=0))
        if nothing.usd is None:
            return PriceFound(provider=provider, model=model, price=None)
        rates = [_nano_usd(usd - nothing.usd) for usd in _costs_of_one_token(prices, model)]
        price = Price(
            pattern=f"{provider}/{model}", input=rates[0], output=rates[1], cache_read=rates[2], cache_write=rates[3]
        )
        return PriceFound(provider=provider, model=model, price=price, source=nothing.price_source)


def _costs_of_one_token(prices: PriceList, model: str) -> Iterator[Decimal]:
    """Yields what one token costs: of input, output, read from the cache, written into it."""
    for usage in (
        Usage(input_tokens=1, output_tokens=0),
        Usage(input_tokens=0, output_tokens=1),
        Usage(input_tokens=1, output_tokens=0, cache_read_tokens=1),
        Usage(input_tokens=1, output_tokens=0, cache_write_tokens=1),
    ):
        yield prices.cost(model, usage).usd or Decimal(0)


def _nano_usd(usd_a_token: Decimal) -> int:
    return int((usd_a_token * NANO_USD_A_MILLION).to_integral_value())
