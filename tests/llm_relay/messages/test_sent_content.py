"""Prompts are distinguished by exactly what reaches a provider."""

import dataclasses
import hashlib

import pytest
from hypothesis import HealthCheck, given, settings

from llm_relay.messages import (
    Image,
    Options,
    Prompt,
    Role,
    Sampling,
    TextPart,
    Tool,
    Turn,
    write_sent_content,
)
from tests.support.prompts import prompts


def digest(prompt: Prompt) -> str:
    found = hashlib.sha256()
    write_sent_content(prompt, found.update)
    return found.hexdigest()


TAGGED = Options(tags={"team": "a"}, max_cost_nano_usd=5, end_user="u")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Prompt(message="Hi", request_id="a"), Prompt(message="Hi", request_id="b")),
        (Prompt(message="Hi", temperature=1), Prompt(message="Hi", temperature=1.0)),
        (Prompt(message="Hi", options=TAGGED), Prompt(message="Hi", options=Options(end_user="u"))),
    ],
)
def test_fields_that_no_provider_gets_make_no_difference(one: Prompt, other: Prompt) -> None:
    assert digest(one) == digest(other)


def test_prompts_with_different_content_differ() -> None:
    asked = [
        Prompt(message="Hi"),
        Prompt(message="Hi", context="Hi"),
        Prompt(message="Hi", model="Hi"),
        Prompt(message="Hi", temperature=1),
        Prompt(message="Hi", max_tokens=1),
        Prompt(message="Hi", history=(Turn(role=Role.USER, text="Hi"),)),
        Prompt(message="Hi", history=(Turn(role=Role.ASSISTANT, text="Hi"),)),
        Prompt(message="Hi", history=(Turn(role=Role.USER, parts=(TextPart(text="Hi"),)),)),
        Prompt(message="Hi", parts=(TextPart(text="Hi"),)),
        Prompt(message="Hi", parts=(TextPart(text="H"), TextPart(text="i"))),
        Prompt(message="Hi", parts=(Image(media_type="image/png", data=b"a"),)),
        Prompt(message="Hi", parts=(Image(media_type="image/png", data=b"b"),)),
        Prompt(message="Hi", options=Options(tools=(Tool(name="f", input_schema_json="{}"),))),
        Prompt(message="Hi", options=Options(tools=(Tool(name="f", input_schema_json="{ }"),))),
        Prompt(message="Hi", options=Options(sampling=Sampling(top_p=1))),
        Prompt(message="Hi", options=Options(provider_options={"openai": "{}"})),
        Prompt(message="Hi", options=Options(provider_options={"mock": "{}"})),
    ]
    assert len({digest(prompt) for prompt in asked}) == len(asked)


@given(prompts())
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_every_prompt_has_content_without_its_request_id(prompt: Prompt) -> None:
    assert digest(prompt) == digest(dataclasses.replace(prompt, request_id="another"))
    assert digest(prompt) != digest(dataclasses.replace(prompt, message=prompt.message + "."))
