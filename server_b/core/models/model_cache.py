"""The list of models: requested once for all concurrent callers, and cached for a few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from llm_relay.messages import Models
from server_b.core.models.model_prices import with_prices
from server_b.pricing.price_list import PriceList
from server_b.providers.base import Provider
from server_b.providers.listing_timeout import LIST_TIMEOUT_S, list_models

FRESH_S = 10.0
"""How long a list is reused without asking the provider, in seconds."""


class ModelCache:
    """One provider's models. Must be created and used on one running event loop."""

    def __init__(
        self,
        provider: Provider,
        prices: Mapping[str, PriceList] | None = None,
        *,
        timeout_s: float = LIST_TIMEOUT_S,
        fresh_s: float = FRESH_S,
    ) -> None:
        """`prices` are price lists by provider name.

        The provider has `timeout_s` seconds to answer; the list is reused for `fresh_s` seconds.
        """
        self._provider = provider
        self._prices = prices or {}
        self._timeout_s = timeout_s
        self._fresh_s = fresh_s
        self._now = asyncio.get_running_loop().time
        self._models: Models | None = None
        self._fresh_until = 0.0
        self._asking: asyncio.Task[Models] | None = None
        self._waiting = 0

    async def get(self) -> Models:
        """Returns the models. Raises the provider's RelayError; errors are not cached.

        When the last waiting caller leaves, the request to the provider is cancelled.
        """
        if self._models is not None and self._now() < self._fresh_until:
            return self._models
        asking = self._asking = self._asking or asyncio.create_task(self._ask())
        self._waiting += 1
        try:
            return await asyncio.shield(asking)
        finally:
            self._waiting -= 1
            if not self._waiting:
                asking.cancel()
                self._asking = None

    async def _ask(self) -> Models:
        try:
            models = await list_models(self._provider, timeout_s=self._timeout_s)
            self._models = await with_prices(models, self._prices)
        finally:
            self._asking = None
        self._fresh_until = self._now() + self._fresh_s
        return self._models
