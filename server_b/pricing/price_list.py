"""What a price list is, and the two that need no list."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from llm_relay.messages import Cost, Usage


class PriceList(Protocol):
    """The prices of one provider's models at one endpoint."""

    def cost(self, model: str, usage: Usage, tier: str = "") -> Cost:
        """Returns what this usage costs, in USD; unknown where the model, the tier or a count is not known."""
        ...

    def bound(self, model: str, *, input_tokens: int, output_tokens: int, tier: str = "") -> Decimal | None:
        """Returns what so many tokens can cost at most, in USD, cached or not; None: not known.

        `tier` is the one that is asked for: a provider may serve the standard one in its place.
        """
        ...

    def context_tokens(self, model: str) -> int | None:
        """Returns the size of the model's context window, where the list has it."""
        ...


class FreePrices:
    """Everything costs a known nothing."""

    def cost(self, model: str, usage: Usage, tier: str = "") -> Cost:  # noqa: ARG002 - any usage
        return Cost(usd=Decimal(0), price_source="mock")

    def bound(self, model: str, *, input_tokens: int, output_tokens: int, tier: str = "") -> Decimal | None:  # noqa: ARG002 - any number
        return Decimal(0)

    def context_tokens(self, model: str) -> int | None:  # noqa: ARG002 - any model
        return None


class UnknownPrices:
    """Nothing is known of what anything costs."""

    def cost(self, model: str, usage: Usage, tier: str = "") -> Cost:  # noqa: ARG002 - any usage
        return Cost()

    def bound(self, model: str, *, input_tokens: int, output_tokens: int, tier: str = "") -> Decimal | None:  # noqa: ARG002 - any number
        return None

    def context_tokens(self, model: str) -> int | None:  # noqa: ARG002 - any model
        return None
