"""The list prices of one endpoint, from genai-prices."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from llm_relay.messages import Cost, Usage
from server_b.pricing.token_costs import Rates

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

REMEMBERED_MODELS = 1024
REMEMBERED_S = 60.0
"""How long a model's rates are cached, in seconds: some change with the date or the hour."""
LISTED_REGIONS = frozenset({"us-east-1", "us-east-2", "us-west-2"})
"""AWS regions to which the list prices of Bedrock apply."""
STANDARD_TIERS = frozenset({"", "default", "standard", "auto"})


class ListedPrices:
    """The prices of genai-prices for one endpoint."""

    def __init__(self, vendors: Sequence[Provider], sold: Sequence[Provider] = (), *, region: str = "") -> None:
        """`vendors` serve the endpoint; `sold` are vendors whose models they also sell; `region` is an AWS region."""
        self._vendors = vendors
        self._sold = list(sold)
        self._region = region
        self._remembered: dict[tuple[str, str], tuple[float, Rates | None]] = {}

    def cost(self, model: str, usage: Usage, tier: str = "") -> Cost:
        if not usage.adds_up:
            return Cost()
        rates = self._rates(model, tier)
        return rates.cost(usage) if rates else Cost()

    def bound(self, model: str, *, input_tokens: int, output_tokens: int, tier: str = "") -> Decimal | None:
        of_tiers = [self._rates(model, one) for one in {"", tier}]
        bounds = [rates.bound(input_tokens, output_tokens) for rates in of_tiers if rates is not None]
        return max(bounds) if len(bounds) == len(of_tiers) else None

    def context_tokens(self, model: str) -> int | None:
        found = (vendor.find_model(model, all_providers=self._sold) for vendor in self._vendors)
        return next((one.context_window for one in found if one is not None), None)

    def _rates(self, model: str, tier: str) -> Rates | None:
        now = time.monotonic()
        expires_at, rates = self._remembered.get((model, tier), (0.0, None))
        if now >= expires_at:
            if len(self._remembered) >= REMEMBERED_MODELS:
                self._remembered.clear()
            rates = self._look_up(model, tier)
            self._remembered[model, tier] = (now + REMEMBERED_S, rates)
        return rates

    def _look_up(self, model: str, tier: str) -> Rates | None:
        for vendor in self._vendors:
            found = vendor.find_model(model, all_providers=self._sold)
            if found is not None:
                # For other vendors' models only the standard tier is listed.
                own = any(found is one for one in vendor.models)
                prices = _prices(found, tier if own or tier in STANDARD_TIERS else None)
                known = prices is not None and (not self._region or _is_listed_for(found, self._region))
                return Rates.of(prices, f"{vendor.id}/{found.id}") if prices and known else None
        return None


def _prices(found: ModelInfo, tier: str | None) -> ModelPrice | None:
    """Returns a model's current prices in a tier; None if the list has none for the tier."""
    now = datetime.now(UTC)
    if tier in STANDARD_TIERS:
        return found.get_prices(now)
    context = {"processing": "batch"} if tier == "batch" else {"service_tier": tier or ""}
    for variant in found.price_variants or ():
        if variant.when == context and (variant.constraint is None or variant.constraint.active(now)):
            return found.get_prices(now, context)
    return None


def _is_listed_for(found: ModelInfo, region: str) -> bool:
    """Tells whether AWS's list price applies in this region: models with regional prices cost more in some others."""
    return found.id.startswith(("global.", "regional.")) or region in LISTED_REGIONS
