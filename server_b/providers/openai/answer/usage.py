"""Reads a provider's token counts, in any of the forms that vendors use, as a Usage."""

from __future__ import annotations

from collections.abc import Mapping

from llm_relay.messages import Accuracy, Usage
from server_b.providers.parsing.counts import count

_PLACES = ("usage", "usageMetadata", "usage_metadata")
"""Members with counts, in the document or in one of its members."""
_HOLDERS = ("delta", "message")
"""Members of a choice that may have counts too."""
_INPUT = ("prompt_tokens", "input_tokens", "prompt_eval_count", "promptTokenCount", "promptTokens", "inputTokens")
_OUTPUT = (
    *("completion_tokens", "output_tokens", "eval_count"),
    *("candidatesTokenCount", "completionTokens", "outputTokens"),
)
_TOTAL = ("total_tokens", "totalTokenCount", "totalTokens")
_INPUT_DETAILS = ("prompt_tokens_details", "prompt_token_details", "input_tokens_details")
_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details")
_CACHE_READ = (
    *("cached_tokens", "cache_read_input_tokens", "cache_read_tokens", "prompt_cache_hit_tokens", "num_cached_tokens"),
    *("cachedContentTokenCount", "cacheReadInputTokens", "cachedTokens"),
)
_CACHE_WRITE = (
    *("cache_write_tokens", "cache_creation_input_tokens", "cache_write_input_tokens", "cache_creation_tokens"),
    "cacheWriteInputTokens",
)
_REASONING = ("reasoning_tokens", "thinking_tokens", "thoughtsTokenCount", "reasoningTokens")


def usage_of(document: Mapping[str, object]) -> Mapping[str, object] | None:
    """Finds the counts in a document: at the top, in the first choice, or where Groq or llama.cpp put them.

    llama.cpp's server sends timings if usage was not requested, or if its version does not know usage.
    """
    choices = document.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    places = [document, document.get("x_groq"), choice]
    if isinstance(choice, dict):
        places += [choice.get(holder) for holder in _HOLDERS]
    for place in places:
        if isinstance(place, dict):
            for name in _PLACES:
                if isinstance(counts := place.get(name), dict) and counts:
                    return counts
    if "eval_count" in document:  # Ollama's own
        return document
    return _counts_of_timings(document.get("timings"))


def _counts_of_timings(timings: object) -> Mapping[str, object] | None:
    """Makes counts of llama.cpp's timings. Older versions do not say how much of the prompt was cached."""
    if not isinstance(timings, dict) or (output := count(timings, "predicted_n")) is None:
        return None
    evaluated, cached = count(timings, "prompt_n"), count(timings, "cache_n")
    if evaluated is None or cached is None:
        return {"completion_tokens": output}
    return {"prompt_tokens": evaluated + cached, "completion_tokens": output, "cached_tokens": cached}


def counts_something(counts: Mapping[str, object]) -> bool:
    """Tells whether a server has counted anything yet."""
    return any(count(counts, name) for name in (*_INPUT, *_OUTPUT, *_TOTAL))


def joined_counts(
    earlier: Mapping[str, object] | None, later: Mapping[str, object], *, is_output_current: bool
) -> Mapping[str, object]:
    """Returns the later counts, and those of the earlier ones that they lack.

    Some servers count the prompt in the first chunk and the output in the last. An earlier count of the output is
    taken only if `is_output_current` says that nothing was written after it.
    """
    if earlier is None:
        return later
    joined = later
    for names, details in ((_INPUT, _INPUT_DETAILS), (_OUTPUT, _OUTPUT_DETAILS)):
        is_kept = names is _INPUT or is_output_current
        if is_kept and not _first(later, (), names) and _first(earlier, (), names):
            members = {*names, *details, *(_CACHE_READ + _CACHE_WRITE if names is _INPUT else _REASONING)}
            joined = {name: value for name, value in joined.items() if name not in names}
            joined = {name: value for name, value in earlier.items() if name in members} | joined
    return joined


def usage_from_wire(counts: Mapping[str, object] | None, *, has_text: bool) -> Usage | None:
    """Returns the usage; None if nothing was counted. `has_text` says that there was output to count.

    It is EXACT only if both input and output were counted, and add up to the total if one is given.
    """
    if counts is None:
        return None
    cache_read = _first(counts, _INPUT_DETAILS, _CACHE_READ)
    cache_write = _first(counts, _INPUT_DETAILS, _CACHE_WRITE)
    reasoning = _first(counts, _OUTPUT_DETAILS, _REASONING)
    stated_input, stated_output = _first(counts, (), _INPUT), _first(counts, (), _OUTPUT)
    total = _first(counts, (), _TOTAL)
    if stated_input is None and stated_output is None:
        return None
    cached = (cache_read or 0) + (cache_write or 0)
    input_tokens, output_tokens, exact = _added_up(
        stated_input, stated_output, total, reasoning=reasoning or 0, cached=cached, anthropic=_is_anthropic(counts)
    )
    # No prompt is empty: 0 input tokens, or 0 output tokens with text, mean that the server does not count.
    input_tokens = input_tokens or None
    output_tokens = output_tokens or (None if has_text else output_tokens)
    if input_tokens is None and not output_tokens:
        return None
    exact = exact and input_tokens is not None and output_tokens is not None
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        reasoning_tokens=reasoning,
        accuracy=Accuracy.EXACT if exact else Accuracy.ESTIMATED,
    )


def _is_anthropic(counts: Mapping[str, object]) -> bool:
    """Tells whether the counts have Anthropic's names. Its input_tokens exclude cached tokens."""
    cached = "cache_read_input_tokens" in counts or "cache_creation_input_tokens" in counts
    return cached and "input_tokens" in counts and "prompt_tokens" not in counts


def _added_up(
    stated_input: int | None,
    stated_output: int | None,
    total: int | None,
    *,
    reasoning: int,
    cached: int,
    anthropic: bool,
) -> tuple[int | None, int | None, bool]:
    """Returns input including cached tokens, output including reasoning, and whether the counts are exact.

    Vendors include reasoning in the output (OpenAI) or not (xAI, Gemini), and cached tokens in the input (OpenAI) or
    not (Anthropic). The total decides. Without a total, a part that is larger than the whole is not included in it.
    """
    if stated_input is None or stated_output is None:
        return _completed(stated_input, stated_output, total)
    inputs, outputs = [stated_input, stated_input + cached], [stated_output, stated_output + reasoning]
    if total:
        for input_tokens in inputs:
            for output_tokens in outputs:
                fits = cached <= input_tokens and reasoning <= output_tokens
                if fits and input_tokens + output_tokens == total:
                    return input_tokens, output_tokens, True
    input_tokens = inputs[1] if cached > stated_input or (anthropic and not total) else stated_input
    output_tokens = outputs[1] if reasoning > stated_output else stated_output
    if total:
        # Tokens that no count explains were hidden reasoning.
        output_tokens = max(output_tokens, total - input_tokens)
    return input_tokens, output_tokens, not total


def _completed(
    input_tokens: int | None, output_tokens: int | None, total: int | None
) -> tuple[int | None, int | None, bool]:
    """Computes the missing count from the total."""
    if total is None:
        return input_tokens, output_tokens, True
    if input_tokens is None and output_tokens is not None and total >= output_tokens:
        return total - output_tokens, output_tokens, True
    if input_tokens is not None and total >= input_tokens:
        return input_tokens, total - input_tokens, True
    return input_tokens, output_tokens, False


def _first(counts: Mapping[str, object], details: tuple[str, ...], names: tuple[str, ...]) -> int | None:
    """Returns the first count with one of these names, in the details or at the top."""
    for place in (*map(counts.get, details), counts):
        if isinstance(place, dict):
            for name in names:
                if name in place and (number := count(place, name)) is not None:
                    return number
    return None
