"""Names the invalid members of a request in OpenAI's terms."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.openai.errors import BadParam
from llm_relay.validation_texts import validation_text

_TAGS = frozenset(
    (
        *("system", "developer", "user", "assistant", "tool"),
        *("text", "image_url", "file", "input_audio", "refusal"),
        *("input_text", "output_text", "input_image", "input_file"),
        *("message", "function_call", "function_call_output", "reasoning"),
    )
)
"""Kinds of an element, which pydantic writes after its index."""


def place_of(steps: Iterable[str | int]) -> str:
    """Returns pydantic's place of an error in OpenAI's form, `messages[0].content`, without the kinds it tried."""
    place, was_index = "", False
    for step in steps:
        if isinstance(step, int):
            place += f"[{step}]"
        elif not (was_index and step in _TAGS) and step != "str" and step.isidentifier() and not step[0].isupper():
            place += f".{step}" if place else step
        was_index = isinstance(step, int)
    return place


def bad_member(error: ValidationError) -> BadParam:
    """Returns the error for an invalid body. It names the deepest place within the request."""
    faults: dict[str, list[str]] = {}
    for detail in error.errors(include_url=False, include_input=False):
        place, fault = _fault(detail)
        faults.setdefault(place, []).append(fault)
    # Each form that a value may have reports why it does not fit. The best match fails at the deepest place.
    param = max(faults, key=lambda place: place.count(".") + place.count("["))
    others = sum(not param.startswith(place) for place in faults)
    text = f"{param}: {', or '.join(dict.fromkeys(faults[param]))}"
    return BadParam(param, f"{text} (and {others} more)" if others else text)


_NO_KIND = ("union_tag_invalid", "union_tag_not_found")


def _fault(detail: ErrorDetails) -> tuple[str, str]:
    """Returns the place and the text of a fault, without the value."""
    place, context = place_of(detail["loc"]), detail.get("ctx", {})
    if detail["type"] in _NO_KIND:  # pydantic's text contains the value
        name = "role" if context["discriminator"] == "'role'" else "type"
        expected = str(context.get("expected_tags", "")).replace("'", "")
        return f"{place}.{name}", f"must be one of {expected}" if expected else "is required"
    return place, validation_text(detail["type"], context) or detail["msg"]
