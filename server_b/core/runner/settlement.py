"""What a call used and cost, however it ended: counted by the provider, estimated from the text, or unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from llm_relay.errors import RelayError
from llm_relay.messages import Accuracy, Cost, Finished, FinishReason, Usage
from server_b.core.calls.attempt import Attempt
from server_b.core.calls.call import Call
from server_b.core.calls.provider_names import kept_name
from server_b.core.calls.record import CallRecord
from server_b.core.runner.retry import MAX_TIER_CHARS, Outcome
from server_b.core.token_estimates.prompt_tokens import prompt_tokens
from server_b.core.token_estimates.text_tokens import estimated_tokens
from server_b.core.unexpected_errors import report
from server_b.pricing.price_list import PriceList
from server_b.providers.base import Counted

NOTHING_USED = Usage(input_tokens=0, output_tokens=0, accuracy=Accuracy.EXACT)
NO_COST = Cost(usd=Decimal(0), price_source="nothing was used")
UNKNOWN_COST = Cost()


class Settlement:
    """Settles calls by the price lists of their providers."""

    def __init__(self, prices: Mapping[str, PriceList], *, default_model: str) -> None:
        """`prices` are price lists by provider name; `default_model` is for calls for which no provider was asked."""
        self._prices = prices
        self._default_model = default_model
        self._now = asyncio.get_running_loop().time

    def record(
        self,
        call: Call,
        outcome: Outcome | None,
        error: RelayError | None,
        *,
        bound_nano_usd: int | None = None,
    ) -> CallRecord:
        """Returns the record of a call that ends now; `bound_nano_usd` is the most that it should cost."""
        usage, tier = self._usage(call, outcome)
        finished = self._finished(call, outcome, usage, tier)
        return CallRecord(
            key=call.key,
            protocol=call.protocol,
            trace=call.trace,
            provider=call.provider,
            attempts=tuple(call.attempts),
            finished=finished,
            error=error,
            overrun_nano_usd=_overrun(finished.cost, bound_nano_usd),
            queue_s=None if call.asked_at is None else call.asked_at - call.began_at,
            first_token_s=None if call.first_event_at is None else call.first_event_at - call.began_at,
        )

    def still_running(self, call: Call) -> Finished:
        """Returns what is known of a call that goes on: what it uses and costs is known, and recorded, at its end."""
        return self._finished(call, None, Usage(), "")

    def _finished(self, call: Call, outcome: Outcome | None, usage: Usage, tier: str) -> Finished:
        last = call.attempts[-1] if call.attempts else None
        if call.started is not None:
            model = call.started.model
        else:
            model = last.model if last is not None else call.prompt.model or self._default_model
        provider = call.provider if last is None else last.provider
        return Finished(
            finish_reason=outcome.finish_reason if outcome else None,
            model=model,
            usage=usage,
            cost=self._cost(call, provider, _price_names(call, model), usage, tier),
            completed_at=datetime.now(UTC),
            duration_s=self._now() - call.began_at,
            service_tier=tier,
            sequence=call.transcript.sequence + 1,
        )

    def _usage(self, call: Call, outcome: Outcome | None) -> tuple[Usage, str]:
        """Returns what the call has used, and the service tier that the provider used, as far as it said so."""
        tier = outcome.service_tier if outcome else ""
        try:
            usage = outcome.usage if outcome else None
            last = call.attempts[-1] if call.attempts else None
            if usage is None and last is not None and (counted := _counted(last)) is not None:
                usage = _usage_so_far(call, counted)
                tier = tier or kept_name(counted.service_tier, MAX_TIER_CHARS)
            is_filtered = outcome is not None and outcome.finish_reason is FinishReason.CONTENT_FILTER
            return settled_usage(call, usage, is_filtered=is_filtered), tier
        except Exception as error:  # noqa: BLE001 - a call without an end would keep its readers waiting forever
            report(error, call.key.request_id)
            return Usage(), tier

    def _cost(self, call: Call, provider: str, names: Iterable[str], usage: Usage, tier: str) -> Cost:
        if usage.input_tokens == 0 and usage.output_tokens == 0:
            return NO_COST
        try:
            return self._listed_cost(provider, names, usage, tier)
        except Exception as error:  # noqa: BLE001 - a call without an end would keep its readers waiting forever
            report(error, call.key.request_id)
            return UNKNOWN_COST

    def _listed_cost(self, provider: str, names: Iterable[str], usage: Usage, tier: str) -> Cost:
        """Returns the cost by the first of the model's names that has a price."""
        prices = self._prices.get(provider)
        costs = (prices.cost(name, usage, tier) for name in names) if prices else ()
        return next((cost for cost in costs if cost.usd is not None), UNKNOWN_COST)


def _price_names(call: Call, model: str) -> Iterable[str]:
    """Returns the names to look a price up by: the answer's, those of other price lists, the requested one."""
    return (model, *call.priced_as, *(attempt.model for attempt in call.attempts[-1:]))


def _overrun(cost: Cost, bound_nano_usd: int | None) -> int:
    if bound_nano_usd is None or cost.nano_usd is None:
        return 0
    return max(0, cost.nano_usd - bound_nano_usd)


def settled_usage(call: Call, counted: Usage | None, *, is_filtered: bool = False) -> Usage:
    """Returns the provider's count, or an estimate from the text.

    The usage is exact only if no earlier attempt may have been billed too. Each that may adds what it had counted, or
    else the prompt once more.
    With `is_filtered` a filter wrote the text: if nothing was counted, the model was not asked.
    """
    has_text = call.transcript.sequence > 1 or call.reasoning_tokens > 0
    if counted is None or (has_text and _counts_nothing(counted) and not is_filtered):
        if not has_text:
            worked = any(attempt.may_have_worked for attempt in call.attempts)
            return Usage(accuracy=Accuracy.UNKNOWN) if worked else NOTHING_USED
        counted = _estimate(call)
    elif counted.input_tokens is None or counted.output_tokens is None:
        counted = _completed(counted, _estimate(call))
    for attempt in call.attempts[:-1]:
        if attempt.may_have_worked:
            counted = _with_lost(counted, call, attempt)
    return counted


def _with_lost(usage: Usage, call: Call, attempt: Attempt) -> Usage:
    """Adds an attempt that failed but may be billed."""
    lost = _counted(attempt)
    inputs = (lost.usage.input_tokens if lost else None) or prompt_tokens(call.prompt, call.provider)
    outputs = (lost.usage.output_tokens if lost else None) or 0
    return replace(
        usage,
        input_tokens=None if usage.input_tokens is None else usage.input_tokens + inputs,
        output_tokens=None if usage.output_tokens is None else usage.output_tokens + outputs,
        accuracy=Accuracy.ESTIMATED,
    )


def _counted(attempt: Attempt) -> Counted | None:
    """Returns what the provider had counted when it failed, was stopped or ended without counts; None: nothing."""
    return None if attempt.counting is None else attempt.counting.counted()


def _usage_so_far(call: Call, counted: Counted) -> Usage:
    """Returns the usage by the provider's last counts: estimated, unless they are those of the end."""
    usage = counted.usage
    if counted.is_final:
        return usage
    output = usage.output_tokens
    if not counted.is_current:
        output = max(output or 0, _estimate(call).output_tokens or 0)
    return replace(usage, output_tokens=output, accuracy=Accuracy.ESTIMATED)


def _completed(counted: Usage, estimate: Usage) -> Usage:
    """Returns the provider's count with an estimate for what it did not count."""
    inputs, outputs = counted.input_tokens, counted.output_tokens
    return replace(
        counted,
        input_tokens=estimate.input_tokens if inputs is None else inputs,
        output_tokens=estimate.output_tokens if outputs is None else outputs,
        accuracy=Accuracy.ESTIMATED,
    )


def _counts_nothing(usage: Usage) -> bool:
    """Tells whether the usage is all zeros, which servers that do not count report beside an answer."""
    return not usage.input_tokens and not usage.output_tokens


def _estimate(call: Call) -> Usage:
    reasoning = call.reasoning_tokens + estimated_tokens(call.transcript.reasoning)
    return Usage(
        input_tokens=prompt_tokens(call.prompt, call.provider),
        output_tokens=estimated_tokens(call.transcript.written) + reasoning,
        reasoning_tokens=reasoning or None,
        accuracy=Accuracy.ESTIMATED,
    )
