"""Adds what price lists know to a provider's list of models."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import fields, replace

from llm_relay.messages import Model, Models
from server_b.pricing.price_list import PriceList
from server_b.pricing.shown_price import shown_price

AT_ONCE = 8
"""How many models are looked up before other tasks of the event loop get a turn."""
_OF_EVERY_MODEL = frozenset(("id", "provider"))


async def with_prices(models: Models, prices: Mapping[str, PriceList]) -> Models:
    """Returns the list with rates and context windows. Models of which nothing is known get no details."""
    described = {(one.provider, one.id): one for one in models.details}
    names = {name for _, name in described}
    for name in models.models:
        if name not in names:
            described[models.provider, name] = Model(id=name, provider=models.provider)
    details = []
    for number, model in enumerate(described.values()):
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
        known = _with_price(model, prices.get(model.provider), (model.id, *models.priced_as.get(model.id, ())))
        if _is_anything_known(known):
            details.append(known)
    return replace(models, details=tuple(details))


def _with_price(model: Model, prices: PriceList | None, names: tuple[str, ...]) -> Model:
    if prices is None:
        return model
    if model.context_tokens is None:
        windows = map(prices.context_tokens, names)
        model = replace(model, context_tokens=next((tokens for tokens in windows if tokens is not None), None))
    rates = next((found for name in names if (found := shown_price(prices, name)) is not None), None)
    if rates is None:
        return model
    return replace(
        model,
        input_nano_usd_per_million_tokens=rates.input,
        output_nano_usd_per_million_tokens=rates.output,
        cache_read_nano_usd_per_million_tokens=rates.cache_read,
        cache_write_nano_usd_per_million_tokens=rates.cache_write,
    )


def _is_anything_known(model: Model) -> bool:
    return any(getattr(model, one.name) is not None for one in fields(model) if one.name not in _OF_EVERY_MODEL)
