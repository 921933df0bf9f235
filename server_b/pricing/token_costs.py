"""What a model's tokens cost: the rates at which they are charged, and the cost of a usage at these rates."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
from typing import TYPE_CHECKING

from llm_relay.messages import Cost, Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, TieredPrices

    Rate = Decimal | TieredPrices

PER = 1_000_000
"""Number of tokens that a rate is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What a model's tokens cost, in USD per million. Some rates rise with the length of the input."""

    input: Rate
    cache_read: Rate
    cache_write: Rate
    output: Rate
    request: Decimal
    """USD per request."""
    source: str

    @classmethod
    def of(cls, prices: ModelPrice, source: str) -> Rates | None:
        """Returns the rates for text in a list's prices; None if one is missing, or if more is billed than we count."""
        if prices.input_mtok is None or prices.output_mtok is None:
            return None
        if prices.output_reasoning_mtok is not None or prices.output_citation_mtok is not None:
            return None
        return cls(
            input=prices.input_mtok,
            cache_read=prices.input_mtok if prices.cache_read_mtok is None else prices.cache_read_mtok,
            cache_write=prices.input_mtok if prices.cache_write_mtok is None else prices.cache_write_mtok,
            output=prices.output_mtok,
            request=_highest(prices.requests_kcount) / 1000,
            source=f"genai-prices {_version()} {source}",
        )

    def cost(self, usage: Usage) -> Cost:
        """Returns the cost of a usage whose counts add up."""
        inputs, read, written = usage.input_tokens or 0, usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
        usd = _at(self.input, inputs) * (inputs - read - written) + _at(self.output, inputs) * (
            usage.output_tokens or 0
        )
        if read or written:
            usd += _at(self.cache_read, inputs) * read + _at(self.cache_write, inputs) * written
        return Cost(usd=usd / PER + self.request, price_source=self.source)

    def bound(self, input_tokens: int, output_tokens: int) -> Decimal:
        """Returns the most that so many tokens can cost, in USD, cached or not."""
        highest = max(map(_highest, (self.input, self.cache_read, self.cache_write)))
        return (highest * input_tokens + _highest(self.output) * output_tokens) / PER + self.request


def _at(rate: Rate, inputs: int) -> Decimal:
    """Returns the rate for an input of that length; the step that is reached applies to all tokens."""
    if isinstance(rate, Decimal):
        return rate
    return next((tier.price for tier in reversed(rate.tiers) if inputs > tier.start), rate.base)


def _highest(rate: Rate | None) -> Decimal:
    if rate is None or isinstance(rate, Decimal):
        return rate or Decimal(0)
    return max([rate.base, *(tier.price for tier in rate.tiers)])


@functools.cache
def _version() -> str:
    return version("genai-prices")
