"""What a price list is, and the two that need no list."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from llm_relay.messages import Cost, Prompt, Usage


class PriceList(Protocol):
    """The prices of one provider's models at one endpoint."""

    def cost(self, model: str, usage: Usage, tier: str = "") -> Cost:
        """Returns what this usage costs, in USD; unknown where the model, the tier or a count is not known."""
        ...

    def bound(self, prompt: Prompt, *, model: str, max_tokens: int) -> Decimal | None:
        """Returns what an answer of `max_tokens` tokens to this prompt can cost at most, in USD; None: not known."""
        ...


class FreePrices:
    """Everything costs a known nothing."""

    def cost(self, model: str, usage: Usage, tier: str = "") -> Cost:  # noqa: ARG002 - any usage
        return Cost(usd=Decimal(0), price_source="mock")

    def bound(self, prompt: Prompt, *, model: str, max_tokens: int) -> Decimal | None:  # noqa: ARG002 - any prompt
        return Decimal(0)


class UnknownPrices:
    """Nothing is known of what anything costs."""

    def cost(self, model: str, usage: Usage, tier: str = "") -> Cost:  # noqa: ARG002 - any usage
        return Cost()

    def bound(self, prompt: Prompt, *, model: str, max_tokens: int) -> Decimal | None:  # noqa: ARG002 - any prompt
        return None
