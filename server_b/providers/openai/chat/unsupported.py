"""Finds what chat completions do not support, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llm_relay.messages import CachePoint, Document, Image, Part, Prompt, TextPart, ToolResult
from server_b.providers.openai.request.unsupported_fields import Fault, fetch_fault, file_faults


def chat_faults(prompt: Prompt, *, fetches_urls: bool) -> Iterator[Fault]:
    """Yields each unsupported field, and why; `fetches_urls`: the server fetches images by URL."""
    thinking = prompt.options.thinking
    if thinking is not None and thinking.max_tokens is not None:
        yield "options.thinking.max_tokens", "chat completions have no such limit; use effort"
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
            case Document() if part.url:
                yield f"{where}.document.url", "chat completions accept no URL; send the data"
            case ToolResult() if not all(isinstance(one, TextPart) for one in part.content):
                yield f"{where}.tool_result.content", "tool results must be text in chat completions"
            case _:
                continue
