"""Looks up current prices, for people and for calls that had no price when they ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llm_relay.messages import Cost, Models, Usage
from llm_relay.messages.accounts import CallEntry, Price, PriceFound
from server_b.pricing.patterns import matches, may_match
from server_b.pricing.price_list import PriceList
from server_b.pricing.shown_price import shown_price


class PriceLookup:
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

    def unmatched(self, pattern: str, models: Models | None) -> str:
        """Returns why no call would match a pattern of provider/model; empty if calls may match it.

        `models` are those that the providers list; None: not known.
        """
        providers = [name for name in self._prices if may_match(pattern, name)]
        if not providers:
            unknown = pattern.partition("/")[0]
            return f"{pattern}: this server calls no provider {unknown!r}; it calls {', '.join(self._prices)}"
        listed = _names(models, providers) if models else []
        named = [*listed, *(model for (name, _), model in self._models.items() if name in providers)]
        if not listed or any(matches(pattern, name, model) for name in providers for model in named):
            return ""
        return f"{pattern}: matches no model that {' or '.join(providers)} lists; `relay models` shows the list"

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


def _names(models: Models, providers: Sequence[str]) -> list[str]:
    """Returns the names of all models, if it is known what each of the providers has."""
    known = {models.provider, *(model.provider for model in models.details)}
    if not known.issuperset(providers):
        return []
    return [models.default_model, *models.models, *(name for names in models.priced_as.values() for name in names)]
