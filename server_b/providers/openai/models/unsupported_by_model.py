"""Finds what OpenAI's own models are known not to accept."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llm_relay.messages import Document, Image, Part, Prompt, ResponseKind, ToolResult
from server_b.providers.openai.models.model_details import family_of
from server_b.providers.openai.request.unsupported_fields import Fault

_LEAVE_OUT = "this model does not support it; leave it out"
_IMAGE_TYPES = ("image/png", "image/jpeg", "image/jpg", "image/webp", "image/gif")
_PDF = "application/pdf"
_O_SERIES = re.compile(r"o\d")
_WITHOUT_STOP = re.compile(r"o3|o4-mini")
_OF_SAMPLING = ("top_p", "frequency_penalty", "presence_penalty")


def model_faults(prompt: Prompt, model: str, *, is_chat: bool) -> Iterator[Fault]:
    """Yields each field that the model does not accept, and why; `is_chat`: it is asked for a chat completion."""
    options, family = prompt.options, family_of(model)
    if family is not None:
        if options.tools and not family.tools:
            yield "options.tools", _LEAVE_OUT
        wanted = options.response_format
        if wanted is not None and wanted.kind is ResponseKind.JSON_SCHEMA and not family.json_schema:
            yield "options.response_format.kind", "this model does not support a schema; use json"
        if options.thinking is not None and options.thinking.effort not in ("", "none") and not family.reasoning:
            yield "options.thinking", _LEAVE_OUT
    yield from _sampling_faults(prompt, model, is_chat=is_chat)
    for place, part in _sources(prompt):
        if isinstance(part, Image):
            if family is not None and not family.images:
                yield place, "this model does not accept images"
            if part.data and part.media_type.lower() not in _IMAGE_TYPES:
                yield f"{place}.media_type", "use png, jpeg, webp or gif"
        elif is_chat and part.data and part.media_type.lower() != _PDF:
            yield f"{place}.media_type", "chat completions accept application/pdf only; send text in a text part"


def _sampling_faults(prompt: Prompt, model: str, *, is_chat: bool) -> Iterator[Fault]:
    sampling = prompt.options.sampling
    if sampling is None or not _O_SERIES.match(model):
        return
    for name in _OF_SAMPLING:
        if getattr(sampling, name) is not None:
            yield f"options.sampling.{name}", _LEAVE_OUT
    if is_chat and sampling.stop and _WITHOUT_STOP.match(model):
        yield "options.sampling.stop", _LEAVE_OUT


def _sources(prompt: Prompt) -> Iterator[tuple[str, Image | Document]]:
    for index, turn in enumerate(prompt.history):
        yield from _sources_of(f"history[{index}].parts", turn.parts)
    yield from _sources_of("parts", prompt.parts)


def _sources_of(place: str, parts: tuple[Part, ...]) -> Iterator[tuple[str, Image | Document]]:
    for index, part in enumerate(parts):
        if isinstance(part, ToolResult):
            yield from _sources_of(f"{place}[{index}].tool_result.content", part.content)
        elif isinstance(part, Image | Document):
            yield f"{place}[{index}].{'image' if isinstance(part, Image) else 'document'}", part
