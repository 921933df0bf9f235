"""A price list that is easy to foresee."""

from decimal import Decimal

from llm_relay.messages import Cost, Prompt, Usage


class FlatPrices:
    """Charges the same for everything, and notes what it was asked for."""

    def __init__(self, usd: str = "0.5", *, error: Exception | None = None) -> None:
        """With an `error`, every cost raises it."""
        self.usd = Decimal(usd)
        self._error = error
        self.asked: list[tuple[str, Usage, str]] = []
        """Models, usages and tiers."""
        self.bounded: list[tuple[Prompt, str, int]] = []

    def cost(self, model: str, usage: Usage, tier: str = "") -> Cost:
        self.asked.append((model, usage, tier))
        if self._error is not None:
            raise self._error
        return Cost(usd=self.usd, price_source="list")

    def bound(self, prompt: Prompt, *, model: str, max_tokens: int) -> Decimal | None:
        self.bounded.append((prompt, model, max_tokens))
        return self.usd
