"""What a call used and cost, in one line."""

from __future__ import annotations

from llm_relay.messages import Accuracy, Finished, FinishReason


def spending(finished: Finished) -> str:
    """Returns the model, tokens, cost and time of a call, and why its answer was cut short, if it was."""
    usage = finished.usage
    tokens = f"{_count(usage.input_tokens)} tokens in, {_count(usage.output_tokens)} out"
    estimated = " (estimated)" if usage.accuracy is Accuracy.ESTIMATED else ""
    usd = finished.cost.usd
    cost = "price unknown" if usd is None else f"${usd.normalize():f}"
    reason = finished.finish_reason
    end = "" if reason in (FinishReason.STOP, None) else f", ended by: {reason.value}"
    return f"{finished.model}: {tokens}{estimated}, {cost}, {finished.duration_s:.2f} s{end}"


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else str(tokens)
