"""Usage and cost in the shapes of OpenAI's two interfaces."""

from __future__ import annotations

from typing import Any

from llm_relay.messages import Cost, Finished, Usage


def chat_usage(usage: Usage, cost: Cost) -> dict[str, Any] | None:
    """Returns a chat completion's `usage`, or None if the count is unknown."""
    return _usage(usage, cost, ("prompt_tokens", "completion_tokens"))


def response_usage(usage: Usage, cost: Cost) -> dict[str, Any] | None:
    """Returns a response's `usage`, or None if the count is unknown."""
    return _usage(usage, cost, ("input_tokens", "output_tokens"))


def _usage(usage: Usage, cost: Cost, names: tuple[str, str]) -> dict[str, Any] | None:
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    input_name, output_name = names
    cached = {"cached_tokens": usage.cache_read_tokens or 0, "cache_write_tokens": usage.cache_write_tokens or 0}
    document: dict[str, Any] = {
        input_name: usage.input_tokens,
        output_name: usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        f"{input_name}_details": cached,
        f"{output_name}_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "accuracy": usage.accuracy.value,
    }
    if cost.usd is not None:
        document["cost"] = float(cost.usd)
    return document


def relay_document(request_id: str, provider: str, finished: Finished) -> dict[str, Any]:
    """Returns the member `relay`: what the relay knows and OpenAI's shape has no member for."""
    reason = finished.finish_reason
    return {
        "request_id": request_id,
        "provider": provider,
        "price_source": finished.cost.price_source or None,
        "finish_reason": reason.value if reason else None,
    }
