"""What a call costs, by the list prices that genai-prices carries."""

from __future__ import annotations

import functools
import sys
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from types import ModuleType
from typing import TYPE_CHECKING

from llm_relay.messages import Cost, Usage

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation, TieredPrices

FREE_PROVIDERS = frozenset({"mock"})
# The names by which genai-prices knows the providers whose models ours serve.
_PRICE_LISTS = {"openai": "openai", "bedrock": "aws"}
REMEMBERED_MODELS = 1024
PER = 1_000_000
"""Tokens that a rate is for."""


def price(provider: str, model: str, usage: Usage) -> Cost:
    """Returns the cost of this usage in USD; unknown where the model or a count is not known."""
    if provider in FREE_PROVIDERS:
        return Cost(usd=Decimal(0), price_source=provider)
    if usage.input_tokens is None or usage.output_tokens is None:
        return Cost()
    if usage.input_tokens == 0 and usage.output_tokens == 0:
        return Cost(usd=Decimal(0), price_source="nothing was used")
    price_list = _PRICE_LISTS.get(provider, provider)
    if _found(price_list, model) is None:
        return Cost()
    rates = _rates(price_list, model)
    return rates.cost(usage) if rates and _adds_up(usage) else _list_price(price_list, model, usage)


def _adds_up(usage: Usage) -> bool:
    counts = (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens)
    inputs, outputs, read, written = (count or 0 for count in counts)
    return min(inputs, outputs, read, written) >= 0 and read + written <= inputs


def load_price_lists(providers: Collection[str]) -> None:
    """Loads the price lists, unless these providers are free; that takes a tenth of a second.

    What has been loaded beside them is given back, 2 MB for what a program loads next.
    """
    if not FREE_PROVIDERS.issuperset(providers):
        _genai_prices()


@functools.cache
def _genai_prices() -> ModuleType:
    """Imports genai-prices, where money can be spent only, with the price lists of our providers alone."""
    import genai_prices
    from genai_prices import data, data_snapshot

    ours = [one for one in data.providers if one.id in _PRICE_LISTS.values()]
    data_snapshot.set_custom_snapshot(data_snapshot.DataSnapshot(providers=ours, from_auto_update=False))
    del sys.modules[data.__name__], genai_prices.data
    return genai_prices


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What a model's tokens cost at all times, in USD a million; some the more, the longer the input is."""

    input: Decimal | TieredPrices | None
    cache_read: Decimal | TieredPrices | None
    cache_write: Decimal | TieredPrices | None
    output: Decimal | TieredPrices | None
    source: str

    def cost(self, usage: Usage) -> Cost:
        """Returns the cost of a usage whose counts add up."""
        from genai_prices.types import calc_unit_price

        inputs, read, written = usage.input_tokens or 0, usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
        usd = calc_unit_price(self.input, inputs - read - written, inputs, PER)
        usd += calc_unit_price(self.output, usage.output_tokens, inputs, PER)
        if read or written:
            usd += calc_unit_price(self.cache_read, read, inputs, PER)
            usd += calc_unit_price(self.cache_write, written, inputs, PER)
        return Cost(usd=usd, price_source=self.source)


@functools.lru_cache(REMEMBERED_MODELS)
def _rates(price_list: str, model: str) -> Rates | None:
    """Returns a listed model's rates, or None where they change with the date.

    Remembered, for to find and check them takes genai-prices longer than all else that settles a call.
    """
    found = _found(price_list, model)
    if found is None or isinstance(found.model.prices, list):
        return None
    prices = found.model_price
    cache_read, cache_write = prices.cache_read_mtok, prices.cache_write_mtok
    return Rates(
        input=prices.input_mtok,
        cache_read=prices.input_mtok if cache_read is None else cache_read,
        cache_write=prices.input_mtok if cache_write is None else cache_write,
        output=prices.output_mtok,
        source=_source(found),
    )


@functools.lru_cache(REMEMBERED_MODELS)
def _found(price_list: str, model: str) -> PriceCalculation | None:
    """Finds a model in a price list; remembered, since one that is not there is looked for in all of it."""
    genai_prices = _genai_prices()
    try:
        found: PriceCalculation = genai_prices.calc_price(genai_prices.Usage(), model, provider_id=price_list)
    except LookupError:
        return None
    return found


def _list_price(price_list: str, model: str, usage: Usage) -> Cost:
    genai_prices = _genai_prices()
    try:
        counts = genai_prices.Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
        )
        found = genai_prices.calc_price(counts, model, provider_id=price_list)
    except (LookupError, ValueError):  # no price for such tokens, or counts that do not add up
        return Cost()
    return Cost(usd=found.total_price, price_source=_source(found))


def _source(found: PriceCalculation) -> str:
    return f"genai-prices {_genai_prices().__version__} {found.provider.id}/{found.model.id}"
