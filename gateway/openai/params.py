"""The names of what is bad or ignored in a request, as OpenAI's clients know them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from gateway.openai.terms import Terms
from llm_relay.messages import Prompt


class Asked(NamedTuple):
    """What a body asks."""

    prompt: Prompt
    ignored: tuple[str, ...]
    """The names of what has no effect at any provider."""
    terms: Terms
    required: tuple[str, ...] = ()
    """The prompt's options that must have their effect."""


_MOST_TOLD = 20
_TAGS = frozenset(
    (
        *("system", "developer", "user", "assistant", "tool"),
        *("text", "image_url", "file", "input_audio", "refusal"),
        *("input_text", "output_text", "input_image", "input_file"),
        *("message", "function_call", "function_call_output", "reasoning"),
    )
)
"""Kinds of an element, which pydantic writes behind its index."""


def place_of(steps: Iterable[str | int]) -> str:
    """Writes pydantic's place of an error as OpenAI does, `messages[0].content`, without the kinds it tried."""
    place, was_index = "", False
    for step in steps:
        if isinstance(step, int):
            place += f"[{step}]"
        elif not (was_index and step in _TAGS) and step != "str" and step.isidentifier() and not step[0].isupper():
            place += f".{step}" if place else step
        was_index = isinstance(step, int)
    return place


def told_ignored(names: Iterable[str]) -> str:
    """Returns the value of `x-relay-ignored`: 20 names at most, those that a header cannot carry as `?`."""
    shown = (name if re.fullmatch(r"[A-Za-z0-9_.\-]{1,64}", name) else "?" for name in names)
    return ",".join([*dict.fromkeys(shown)][:_MOST_TOLD])
