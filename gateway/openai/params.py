"""The names of what is bad or ignored in a request, as OpenAI's clients know them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gateway.openai.conversation import Conversation
from gateway.openai.errors import BadParam
from llm_relay.errors import InvalidRequest
from llm_relay.messages import Prompt


class Asked(NamedTuple):
    """What a body asks."""

    prompt: Prompt
    ignored: tuple[str, ...]
    """The names of what has no effect."""


_MOST_TOLD = 20
_NAMES = {
    "options.thinking.effort": "reasoning_effort",
    "options.tags": "metadata",
    "options.end_user": "safety_identifier",
    "options.max_cost_nano_usd": "max_cost_usd",
    "options.tool_choice.mode": "tool_choice",
}
"""The prompt's fields that both interfaces know by another name."""


def in_openai_terms(error: InvalidRequest, said: Conversation, names: Mapping[str, str]) -> BadParam:
    """Returns the error of a prompt with its fields named as the request has them; `names` are the interface's own."""
    if isinstance(error, BadParam):
        return error
    known = {**_NAMES, **names}
    named = [(_param(violation.field, said, known), violation.description) for violation in error.violations]
    return BadParam(named[0][0], "; ".join(f"{param}: {fault}" for param, fault in named))


def _param(field: str, said: Conversation, names: Mapping[str, str]) -> str:
    if field in names:
        return names[field]
    if field.startswith(("message", "parts")):
        return f"{said.now_place}.content"
    if turn := re.match(r"history\[(\d+)\]", field):
        return said.places[int(turn[1])]
    for prefix in ("options.", "sampling.", "provider_options.openai."):
        field = field.removeprefix(prefix)
    if tool := re.match(r"tools\[(\d+)\]\.(\w+)$", field):
        member = "parameters" if tool[2] == "input_schema_json" else tool[2]
        return names["tools"].format(tool[1], member)
    return field


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
