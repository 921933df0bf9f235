"""Finds what the Responses API does not support."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from llm_relay.messages import CachePoint, Document, Image, Part, Prompt, ToolResult
from server_b.providers.openai.request.unsupported_fields import Fault, fetch_fault, file_faults

_CHAT_ALONE = ("logit_bias", "logprobs")
"""Members of provider_options that only chat completions accept."""


def response_faults(prompt: Prompt, *, fetches_urls: bool) -> Iterator[Fault]:
    """Yields each unsupported field, and why; `fetches_urls`: the server fetches files by URL."""
    thinking, sampling = prompt.options.thinking, prompt.options.sampling
    if thinking is not None and thinking.max_tokens is not None:
        yield "options.thinking.max_tokens", "the Responses API has no such limit; use effort"
    if sampling is not None:
        for name in ("stop", "seed", "frequency_penalty", "presence_penalty"):
            if getattr(sampling, name) not in (None, ()):
                yield f"options.sampling.{name}", "the Responses API has no such option; leave it out"
    if own := prompt.options.provider_options.get("openai"):
        members = orjson.loads(own)
        for name in _CHAT_ALONE:
            if name in members:
                yield f"options.provider_options.openai.{name}", "only chat completions accept it; leave it out"
    yield from file_faults(prompt)
    for index, turn in enumerate(prompt.history):
        yield from _part_faults(f"history[{index}].parts", turn.parts, fetches_urls=fetches_urls)
    yield from _part_faults("parts", prompt.parts, fetches_urls=fetches_urls)


def _part_faults(place: str, parts: Sequence[Part], *, fetches_urls: bool) -> Iterator[Fault]:
    for index, part in enumerate(parts):
        where = f"{place}[{index}]"
        match part:
            case CachePoint():
                yield f"{where}.cache_point", "prompts are cached automatically; leave it out"
            case Image() if part.url and not fetches_urls:
                yield fetch_fault(f"{where}.image.url")
            case Document() if part.url and not fetches_urls:
                yield fetch_fault(f"{where}.document.url")
            case ToolResult():
                yield from _part_faults(f"{where}.tool_result.content", part.content, fetches_urls=fetches_urls)
            case _:
                continue
