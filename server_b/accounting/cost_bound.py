"""The most that a call can cost, for each model that may be asked and for all of them."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from decimal import ROUND_CEILING
from typing import NamedTuple

from llm_relay.amounts import NANO_USD_PER_USD, dollars
from llm_relay.errors import BudgetExceeded, PriceUnknown, RelayError
from llm_relay.messages import Prompt
from server_b.accounting.prompt_bound import prompt_bound
from server_b.core.token_estimates.prompt_tokens import prompt_tokens
from server_b.pricing.price_list import PriceList
from server_b.providers.base import AskedModel

BYTES_A_TOKEN = 4
LIKELY_SHARE = 4
"""A likely answer is this many times shorter than the longest possible one."""


class Estimate(enum.Enum):
    """What is reserved for a call until its cost is known."""

    BOUND = "bound"
    """The most that the call can cost: no number of calls exceeds a budget."""
    LIKELY = "likely"
    """What the call is likely to cost. More calls fit into a budget, but those that run at its end can exceed it."""


class Estimated(NamedTuple):
    """A model that may be asked, and what asking it can cost."""

    asked: AskedModel
    most_input_tokens: int
    bound_nano_usd: int | None
    """The most that the call can cost; None: no price is known."""
    reserved_nano_usd: int | None
    """What is reserved; None: no price is known."""


def estimated(asked: AskedModel, prompt: Prompt, prices: PriceList | None, estimate: Estimate) -> Estimated:
    """Returns the model with estimates of what asking it can cost."""
    inputs, outputs = prompt_bound(prompt, asked.provider, asked.model), asked.most_output_tokens
    bound = None if prices is None else _nano_usd(asked, prompt, prices, inputs, outputs)
    if estimate is Estimate.BOUND or prices is None or bound is None:
        return Estimated(asked, inputs, bound, bound)
    likely_inputs = min(inputs, prompt_tokens(prompt, asked.provider))
    likely = _nano_usd(asked, prompt, prices, likely_inputs, -(-outputs // LIKELY_SHARE))
    return Estimated(asked, inputs, bound, likely)


def highest(amounts: Iterable[int | None]) -> int | None:
    """Returns the highest of the known amounts; None: none is known."""
    return max((amount for amount in amounts if amount is not None), default=None)


def likely_tokens(one: Estimated) -> int:
    """Returns an estimate of a call's tokens for the token rate, which is corrected when the true count is known."""
    return -(-one.most_input_tokens // BYTES_A_TOKEN) - (-one.asked.most_output_tokens // LIKELY_SHARE)


def own_refusal(prompt: Prompt, estimates: Iterable[Estimated]) -> RelayError | None:
    """Returns the error of a call that can cost more than its request allows; None: it cannot."""
    limit = prompt.options.max_cost_nano_usd
    if limit is None:
        return None
    every = tuple(estimates)
    bound = highest(one.bound_nano_usd for one in every)
    if bound is None:
        return PriceUnknown(unknown_price_text(every, "max_cost limits this call"))
    if bound <= limit:
        return None
    text = (
        f"max_cost: the call can cost up to {dollars(bound)}, and {dollars(limit)} is allowed;"
        " shorten the prompt, lower max_tokens, or allow more"
    )
    return BudgetExceeded(text, scope="call", limit_nano_usd=limit, reserved_nano_usd=bound)


def unknown_price_text(estimates: Iterable[Estimated], why: str) -> str:
    """Returns the text of an error: no model has a known price, and the setting that gives it one."""
    names = [f"{one.asked.provider}/{one.asked.model}" for one in estimates]
    return (
        f"{why}, and no price is known for {', '.join(names)}: set PRICES={names[0]}=INPUT/OUTPUT on Server B,"
        f" in USD per million tokens, such as PRICES={names[0]}=2.50/10.00; 0 is a price"
    )


def _nano_usd(asked: AskedModel, prompt: Prompt, prices: PriceList, inputs: int, outputs: int) -> int | None:
    tier = prompt.options.service_tier
    for name in (asked.model, *asked.priced_as):
        usd = prices.bound(name, input_tokens=inputs, output_tokens=outputs, tier=tier)
        if usd is not None:
            return int((usd * NANO_USD_PER_USD).to_integral_value(ROUND_CEILING))
    return None
