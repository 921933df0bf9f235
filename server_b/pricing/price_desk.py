"""Looks up current prices, for people and for calls that had no price when they ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llm_relay.messages import Cost, Usage
from llm_relay.messages.accounts import CallEntry, Price, PriceFound
from server_b.pricing.price_list import PriceList
from server_b.pricing.shown_price import shown_price


class PriceDesk:
    """The prices of every provider that may be asked."""

    def __init__(
        self, prices: Mapping[str, PriceList] | None = None, models: Mapping[tuple[str, str], str] | None = None
    ) -> None:
        """`prices` are price lists by provider name, in the order of asking; `models` is MODEL_MAP."""
        self._prices = prices or {}
        self._models = models or {}

    def find(self, model: str) -> Sequence[PriceFound]:
        """Returns what a model costs at each provider; for `provider/model`, at that provider alone."""
        provider, slash, rest = model.partition("/")
        asked = [(provider, rest)] if slash and provider in self._prices else [(name, model) for name in self._prices]
        return [self._found(name, self._models.get((name, wanted), wanted)) for name, wanted in asked]

    def cost(self, call: CallEntry) -> Cost:
        """Returns what a call with those tokens costs now; unknown if its tokens or its price are not known.

        The answer's model is looked up first, then the requested one, as at the end of a call.
        """
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
        names = (call.model, *(attempt.model for attempt in call.attempts[-1:]))
        costs = (prices.cost(name, usage, call.service_tier) for name in names)
        return next((cost for cost in costs if cost.usd is not None), Cost())

    def _found(self, provider: str, model: str) -> PriceFound:
        rates = shown_price(self._prices[provider], model)
        if rates is None:
            return PriceFound(provider=provider, model=model, price=None)
        price = Price(
            pattern=f"{provider}/{model}",
            input=rates.input,
            output=rates.output,
            cache_read=rates.cache_read,
            cache_write=rates.cache_write,
        )
        return PriceFound(provider=provider, model=model, price=price, source=rates.source)
