"""Converse's shapes and the short names, without a connection."""

import pytest

from llm_relay.errors import ProviderProtocol
from llm_relay.messages import FinishReason, Prompt, Role, Turn
from server_b.providers.base import Defaults, Ending, Opening, Text, Working
from server_b.providers.bedrock.models import SHORT_NAMES, listed, resolve
from server_b.providers.bedrock.wire import completion_from_wire, pieces_from_wire, request_to_wire

REASONING = {"reasoningContent": {"text": "Hm."}}
DEFAULTS = Defaults(temperature=0.7, max_tokens=1000)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", FinishReason.STOP),
        ("stop_sequence", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("content_filtered", FinishReason.CONTENT_FILTER),
        ("guardrail_intervened", FinishReason.CONTENT_FILTER),
        ("tool_use", FinishReason.OTHER),
        ("a reason of tomorrow", FinishReason.OTHER),
    ],
)
def test_each_stop_reason_has_its_finish_reason(reason: str, expected: FinishReason) -> None:
    whole = {"output": {"message": {"content": [{"text": "Hi"}]}}, "stopReason": reason}
    assert completion_from_wire(whole, "m").finish_reason is expected
    assert list(pieces_from_wire([{"messageStop": {"stopReason": reason}}], "m")) == [Ending(expected, None)]


def test_reasoning_is_no_text_but_a_sign_of_life() -> None:
    whole = {"output": {"message": {"content": [REASONING, {"text": "Hi"}]}}, "stopReason": "end_turn"}
    assert completion_from_wire(whole, "m").text == "Hi"
    events: list[dict[str, object]] = [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": REASONING, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"text": "Hi"}, "contentBlockIndex": 1}},
        {"contentBlockDelta": {"delta": {"text": ""}, "contentBlockIndex": 1}},
        {"an event of tomorrow": {"x": 1}},
    ]
    assert list(pieces_from_wire(events, "m")) == [Opening("m"), Working(), Text("Hi"), Working()]


@pytest.mark.parametrize("answer", [{}, {"stopReason": "end_turn"}, {"output": {"message": {"content": []}}}])
def test_an_answer_without_message_or_end_is_malformed(answer: dict[str, object]) -> None:
    with pytest.raises(ProviderProtocol):
        completion_from_wire(answer, "m")


def test_neighbouring_turns_of_one_role_are_one_message() -> None:
    history = (
        Turn(role=Role.ASSISTANT, text="Hello"),
        Turn(role=Role.USER, text="One"),
        Turn(role=Role.USER, text="Two"),
    )
    request = request_to_wire(Prompt(message="Three", history=history), "m", DEFAULTS, frozenset())
    assert request["messages"] == [
        {"role": "assistant", "content": [{"text": "Hello"}]},
        {"role": "user", "content": [{"text": "One"}, {"text": "Two"}, {"text": "Three"}]},
    ]


def test_only_our_own_defaults_are_left_out() -> None:
    left_out = frozenset({"temperature", "maxTokens"})
    request = request_to_wire(Prompt(message="Hi", temperature=0), "m", DEFAULTS, left_out)
    assert request["inferenceConfig"] == {"temperature": 0}


@pytest.mark.parametrize(
    ("name", "region", "expected"),
    [
        ("sonnet", "us-east-1", "anthropic.claude-3-5-sonnet-20240620-v1:0"),
        ("sonnet-v2", "us-east-1", "anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("opus", "eu-west-1", "anthropic.claude-3-opus-20240229-v1:0"),
        ("haiku", "us-east-1", "anthropic.claude-3-haiku-20240307-v1:0"),
        ("sonnet-4", "us-west-2", "us.anthropic.claude-sonnet-4-20250514-v1:0"),
        ("sonnet-4", "eu-west-1", "eu.anthropic.claude-sonnet-4-20250514-v1:0"),
        ("sonnet-3.7", "ap-northeast-1", "apac.anthropic.claude-3-7-sonnet-20250219-v1:0"),
        ("llama", "sa-east-1", "us.meta.llama3-3-70b-instruct-v1:0"),
        ("my.own-model:1", "us-east-1", "my.own-model:1"),
        (
            "arn:aws:bedrock:eu-west-1:1:inference-profile/x",
            "us-east-1",
            "arn:aws:bedrock:eu-west-1:1:inference-profile/x",
        ),
    ],
)
def test_a_short_name_stands_for_an_id_of_the_regions_own(name: str, region: str, expected: str) -> None:
    assert resolve(name, region) == expected


def test_the_list_has_each_short_name_and_each_id_once() -> None:
    models = listed("eu-west-1", ("anthropic.claude-3-haiku-20240307-v1:0", "x"))
    assert models[: len(SHORT_NAMES)] == tuple(SHORT_NAMES)
    assert models[-1] == "x"
    assert len(models) == len(set(models))
    assert not [model for model in models if "{" in model]
