"""Fingerprints are equal for prompts with the same content, and only for those."""

import itertools

import pytest

from llm_relay.messages import Options, Prompt, Role, TextPart, Turn
from server_b.core.repeats.fingerprint import fingerprint

PROMPTS = [
    Prompt(message="Hi"),
    Prompt(message="Ho"),
    Prompt(message="+Hi"),
    Prompt(message="Hi", context=""),
    Prompt(message="Hi", context="Hi"),
    Prompt(message="Hi", model="Hi"),
    Prompt(message="Hi", temperature=0),
    Prompt(message="Hi", temperature=1),
    Prompt(message="Hi", max_tokens=1),
    Prompt(message="Hi", history=(Turn(role=Role.USER, text="Hi"),)),
    Prompt(message="Hi", history=(Turn(role=Role.ASSISTANT, text="Hi"),)),
    Prompt(message="Hi", history=(Turn(role=Role.USER, text="Hi"), Turn(role=Role.USER, text="Hi"))),
    Prompt(message="Hi", history=(Turn(role=Role.USER, parts=(TextPart(text="Hi"),)),)),
    Prompt(message="Hi", parts=(TextPart(text="Hi"),)),
    Prompt(message="Hi", options=Options(service_tier="flex")),
]


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(PROMPTS, 2)))
def test_two_different_prompts_have_different_fingerprints(one: Prompt, other: Prompt) -> None:
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Prompt(message="Hi", request_id="a"), Prompt(message="Hi", request_id="b")),
        (Prompt(message="Hi", temperature=1), Prompt(message="Hi", temperature=1.0)),
        (Prompt(message="Hi", options=Options(tags={"team": "a"})), Prompt(message="Hi", options=Options(tags={}))),
        (Prompt(message="Hi"), Prompt(message="Hi", options=Options(tags={"team": "a"}, max_cost_nano_usd=1))),
        (
            Prompt(message="Hi", options=Options(service_tier="flex")),
            Prompt(message="Hi", options=Options(service_tier="flex", max_cost_nano_usd=1)),
        ),
    ],
)
def test_fields_that_no_provider_gets_make_no_difference(one: Prompt, other: Prompt) -> None:
    assert fingerprint(one) == fingerprint(other)
