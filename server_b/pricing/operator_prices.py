"""Prices that the operator sets in the ledger and in PRICES. They take precedence over a price list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeAlias

from llm_relay.amounts import NANO_USD_PER_USD
from llm_relay.messages import Cost, Usage
from llm_relay.messages.accounts import Price
from server_b.pricing.patterns import matches
from server_b.pricing.price_list import PriceList
from server_b.pricing.token_costs import Rates

MOST_REMEMBERED_MODELS = 1024
_Matching: TypeAlias = tuple[tuple[Price, Rates], ...]


class OperatorPrices:
    """One provider's prices: the newest valid one of the ledger, else the first match of PRICES, else the list's."""

    def __init__(
        self, provider: str, listed: PriceList, prices: Sequence[Price], of_ledger: Callable[[], tuple[Price, ...]]
    ) -> None:
        """`prices` are those of PRICES; `of_ledger` returns the ledger's current prices, the newest first."""
        self._provider = provider
        self._listed = listed
        self._prices = tuple(prices)
        self._of_ledger = of_ledger
        self._seen: tuple[Price, ...] = ()
        self._matching: dict[str, _Matching] = {}

    def cost(self, model: str, usage: Usage, tier: str = "") -> Cost:
        rates = self._rates(model)
        if rates is None:
            return self._listed.cost(model, usage, tier)
        return rates.cost(usage) if usage.adds_up else Cost()

    def bound(self, model: str, *, input_tokens: int, output_tokens: int, tier: str = "") -> Decimal | None:
        rates = self._rates(model)
        if rates is None:
            return self._listed.bound(model, input_tokens=input_tokens, output_tokens=output_tokens, tier=tier)
        return rates.bound(input_tokens, output_tokens)

    def context_tokens(self, model: str) -> int | None:
        return self._listed.context_tokens(model)

    def _rates(self, model: str) -> Rates | None:
        of_ledger = self._of_ledger()
        if of_ledger is not self._seen or len(self._matching) >= MOST_REMEMBERED_MODELS:
            self._seen = of_ledger
            self._matching.clear()
        matching = self._matching.get(model)
        if matching is None:
            matching = self._matching[model] = self._find(model)
        return next((rates for price, rates in matching if _is_valid(price)), None)

    def _find(self, model: str) -> _Matching:
        places = (("ledger", self._seen), ("PRICES", self._prices))
        return tuple(
            (price, _rates_of(price, f"{place} {price.pattern}"))
            for place, prices in places
            for price in prices
            if matches(price.pattern, self._provider, model)
        )


def _is_valid(price: Price) -> bool:
    if price.valid_from is None and price.valid_until is None:
        return True
    now = datetime.now(UTC)
    return (price.valid_from is None or price.valid_from <= now) and (
        price.valid_until is None or now < price.valid_until
    )


def _rates_of(price: Price, source: str) -> Rates:
    read, write = price.cache_read, price.cache_write
    return Rates(
        input=_usd(price.input),
        output=_usd(price.output),
        cache_read=_usd(price.input if read is None else read),
        cache_write=_usd(price.input if write is None else write),
        request=Decimal(0),
        source=source,
    )


def _usd(nano_usd: int) -> Decimal:
    return Decimal(nano_usd) / NANO_USD_PER_USD
