"""A document with several faults at once is refused by the names of its fields, whatever they are."""

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_relay.documents import prompt_from_document
from llm_relay.errors import InvalidRequest

CALL = {"tool_call": {"id": "c", "name": "w", "arguments": {}}}
RESULT = {"tool_result": {"tool_call_id": "c", "content": [{"text": "x"}]}}
IMAGE = {"image": {"media_type": "image/png", "data": "iVBORw0KGgo=", "detail": "low"}}
REASONING = {"reasoning": {"text": "x", "signature": "AAAA", "provider": "mock", "id": "r"}}
TOOL = {"name": "w", "description": "d", "input_schema": {"type": "object"}, "strict": True}
WHOLE: dict[str, Any] = {
    "message": "x",
    "context": "c",
    "history": [{"role": "user", "text": "x"}, {"role": "assistant", "parts": [{"text": "a"}, REASONING, CALL]}],
    "parts": [RESULT, IMAGE, {"document": {"media_type": "application/pdf", "name": "a", "data": "JVBERi0="}}],
    "tools": [TOOL],
    "tool_choice": {"name": "w", "parallel": True},
    "response_format": {"kind": "json_schema", "name": "x", "schema": {"type": "object"}},
    "sampling": {"top_p": 1, "stop": ["a"], "seed": 1},
    "thinking": {"effort": "low", "max_tokens": 5},
    "tags": {"a": "b"},
    "provider_options": {"openai": {"logit_bias": {}}},
    "max_cost_usd": "1",
}
WRONG: list[Any] = [None, True, 0, -1, 1.5, "", "x", [], [None], ["x"], [{}], {}, {"a": 1}, {"type": []}]
MEMBERS = ("id", "text", "parts", "name", "image", "tool_call", "unknown")


def places(document: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(document, dict | list):
        for step, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield (*place, step)
            yield from places(value, (*place, step))


@st.composite
def faulty(draw: st.DrawFn) -> dict[str, Any]:
    """Draws the whole document with two to four values replaced, removed or added."""
    document = copy.deepcopy(WHOLE)
    for _ in range(draw(st.integers(2, 4))):
        *outer, last = draw(st.sampled_from([*places(document)]))
        holder = document
        for step in outer:
            holder = holder[step]
        change = draw(st.sampled_from(["replace", "remove", "add"]))
        if change == "remove" and len(document) > 1:
            del holder[last]
        elif change == "add" and isinstance(holder, dict):
            holder[draw(st.sampled_from(MEMBERS))] = copy.deepcopy(draw(st.sampled_from(WRONG)))
        else:
            holder[last] = copy.deepcopy(draw(st.sampled_from(WRONG)))
    return document


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(faulty())
def test_a_document_is_read_or_refused_by_name(document: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidRequest):  # every other error fails the test
        prompt_from_document(document)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"parts": [{**RESULT, "image": None}, {"text": 5, "image": 5}]}, ["parts[1]"]),
        ({"tools": [{**TOOL, "name": None}], "tool_choice": {"name": "w", "unknown": 1}}, ["tools[0]", "tool_choice"]),
        ({"history": [{"role": "assistant", "parts": [{"tool_call": {}}]}], "parts": None}, ["history[0]"]),
        ({"history": 5}, ["history"]),
        ({"sampling": {"top_p": None, "stop": 5, "seed": "x"}}, ["sampling.stop", "sampling.seed"]),
    ],
)
def test_each_faulty_field_is_named(changes: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        prompt_from_document({**WHOLE, **changes})
    named = [violation.field for violation in refused.value.violations]
    assert all(any(name.startswith(field) for name in named) for field in fields), named
    assert all(any(name.startswith(field) for field in fields) for name in named), named
