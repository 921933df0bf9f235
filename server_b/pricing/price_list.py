"""The interface of a price list, and the two simplest: everything is free, nothing is known."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from llm_relay.messages import Cost, Usage


class PriceList(Protocol):
    """The prices of one provider's models at one endpoint."""

    def cost(self, model: str, usage: Usage, tier: str = "") -> Cost:
        """Returns what this usage costs, in USD; unknown if the model, the tier or a count is not known."""
        ...

    def bound(self, model: str, *, input_tokens: int, output_tokens: int, tier: str = "") -> Decimal | None:
        """Returns the most that so many tokens can cost, in USD, cached or not; None: not known.

        `tier` is the requested tier; a provider may serve the standard tier instead.
        """
        ...

    def context_tokens(self, model: str) -> int | None:
        """Returns the size of the model's context window in tokens; None if the list does not have it."""
        ...


class FreePrices:
    """Prices of the mock: everything costs 0."""

    def cost(self, model: str, usage: Usage, tier: str = "") -> Cost:  # noqa: ARG002 - any usage
        return Cost(usd=Decimal(0), price_source="mock")

    def bound(self, model: str, *, input_tokens: int, output_tokens: int, tier: str = "") -> Decimal | None:  # noqa: ARG002 - any number
        return Decimal(0)

    def context_tokens(self, model: str) -> int | None:  # noqa: ARG002 - any model
        return None


class UnknownPrices:
    """Prices of an endpoint that no list knows: every cost is unknown."""

    def cost(self, model: str, usage: Usage, tier: str = "") -> Cost:  # noqa: ARG002 - any usage
        return Cost()

    def bound(self, model: str, *, input_tokens: int, output_tokens: int, tier: str = "") -> Decimal | None:  # noqa: ARG002 - any number
        return None

    def context_tokens(self, model: str) -> int | None:  # noqa: ARG002 - any model
        return None
