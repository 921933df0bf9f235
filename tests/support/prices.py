"""A price list with predictable costs."""

from collections.abc import Container
from decimal import Decimal

from llm_relay.messages import Cost, Usage


class FlatPrices:
    """Charges the same for everything, and records its calls."""

    def __init__(
        self, usd: str = "0.5", *, error: Exception | None = None, models: Container[str] | None = None
    ) -> None:
        """With an `error`, every cost raises it; with `models`, only those have a price."""
        self.usd = Decimal(usd)
        self._error = error
        self._models = models
        self.asked: list[tuple[str, Usage, str]] = []
        """Models, usages and tiers."""
        self.bounded: list[tuple[str, int, int, str]] = []

    def cost(self, model: str, usage: Usage, tier: str = "") -> Cost:
        self.asked.append((model, usage, tier))
        if self._error is not None:
            raise self._error
        if self._models is not None and model not in self._models:
            return Cost()
        return Cost(usd=self.usd, price_source="list")

    def bound(self, model: str, *, input_tokens: int, output_tokens: int, tier: str = "") -> Decimal | None:
        self.bounded.append((model, input_tokens, output_tokens, tier))
        return self.usd if self._models is None or model in self._models else None

    def context_tokens(self, model: str) -> int | None:  # noqa: ARG002 - the protocol's signature
        return None
