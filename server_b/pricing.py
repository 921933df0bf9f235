"""What a call costs, by the list prices that genai-prices carries."""

from __future__ import annotations

import functools
from decimal import Decimal

from transport.messages import Cost, Usage

FREE_PROVIDERS = frozenset({"mock"})
# The names by which genai-prices knows the providers whose models ours serve.
_PRICE_LISTS = {"openai": "openai", "bedrock": "aws"}
REMEMBERED_MODELS = 1024


def price(provider: str, model: str, usage: Usage) -> Cost:
    """Returns the cost of this usage in USD; unknown where the model or a count is not known."""
    if provider in FREE_PROVIDERS:
        return Cost(usd=Decimal(0), price_source=provider)
    if usage.input_tokens is None or usage.output_tokens is None:
        return Cost()
    if usage.input_tokens == 0 and usage.output_tokens == 0:
        return Cost(usd=Decimal(0), price_source="nothing was used")
    price_list = _PRICE_LISTS.get(provider, provider)
    return _list_price(price_list, model, usage) if _is_listed(price_list, model) else Cost()


# genai-prices is imported where money can be spent only: the prices take a tenth of a second to load.


@functools.lru_cache(REMEMBERED_MODELS)
def _is_listed(price_list: str, model: str) -> bool:
    """Tells whether a model has a price; remembered, since one that has none is looked for in all of the list."""
    import genai_prices

    try:
        genai_prices.calc_price(genai_prices.Usage(), model, provider_id=price_list)
    except LookupError:
        return False
    return True


def _list_price(price_list: str, model: str, usage: Usage) -> Cost:
    import genai_prices

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
    source = f"genai-prices {genai_prices.__version__} {found.provider.id}/{found.model.id}"
    return Cost(usd=found.total_price, price_source=source)
