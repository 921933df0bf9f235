"""Reads the usage that Bedrock reports."""

from __future__ import annotations

from collections.abc import Mapping

from llm_relay.messages import Accuracy, Usage
from server_b.providers.parsing.counts import count

_CACHE_READ = ("cacheReadInputTokens", "cacheReadInputTokenCount")
_CACHE_WRITE = ("cacheWriteInputTokens", "cacheWriteInputTokenCount")
GUARDRAIL = "guardrail_intervened"
"""Stop reason of an answer that a guardrail wrote. If it blocked the prompt, the model was not asked."""


def usage_from_wire(counts: object, stop_reason: str, *, has_text: bool) -> Usage | None:
    """Reads a TokenUsage. Returns None if nothing was counted, which is not the same as zero.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
    """
    if not isinstance(counts, Mapping):
        return None
    fresh, written = count(counts, "inputTokens"), count(counts, "outputTokens")
    read, stored = _first(counts, _CACHE_READ), _first(counts, _CACHE_WRITE)
    if fresh is None or written is None:
        return None
    # Bedrock's inputTokens exclude tokens that were read from or written to a cache.
    prompt = fresh + (read or 0) + (stored or 0)
    if stop_reason != GUARDRAIL and (not prompt or (has_text and not written)):
        return None
    total = count(counts, "totalTokens")
    adds_up = total in (None, prompt + written, fresh + written)
    return Usage(
        input_tokens=prompt,
        output_tokens=written,
        cache_read_tokens=read,
        cache_write_tokens=stored,
        accuracy=Accuracy.EXACT if adds_up else Accuracy.ESTIMATED,
    )


def _first(counts: Mapping[str, object], names: tuple[str, ...]) -> int | None:
    return next((number for name in names if (number := count(counts, name)) is not None), None)
