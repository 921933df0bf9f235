"""A prompt as a Converse body."""

from llm_relay.messages import Prompt, Role, Turn
from server_b.providers.base import Defaults
from server_b.providers.bedrock.refused_defaults import NOTHING
from server_b.providers.bedrock.request.body import request_body

DEFAULTS = Defaults(temperature=0.7, max_tokens=1000)


def test_neighbouring_turns_of_one_role_are_one_message() -> None:
    history = (
        Turn(role=Role.ASSISTANT, text="Hello"),
        Turn(role=Role.USER, text="One"),
        Turn(role=Role.USER, text="Two"),
    )
    body = request_body(Prompt(message="Three", history=history), DEFAULTS, NOTHING)
    assert body["messages"] == [
        {"role": "assistant", "content": [{"text": "Hello"}]},
        {"role": "user", "content": [{"text": "One"}, {"text": "Two"}, {"text": "Three"}]},
    ]


def test_only_our_own_defaults_are_left_out() -> None:
    refused = frozenset({"temperature", "maxTokens"})
    assert request_body(Prompt(message="Hi", temperature=0), DEFAULTS, refused)["inferenceConfig"] == {"temperature": 0}
    assert "inferenceConfig" not in request_body(Prompt(message="Hi"), DEFAULTS, refused)


def test_a_blank_context_is_no_system_prompt() -> None:
    assert "system" not in request_body(Prompt(message="Hi", context=" \n"), DEFAULTS, NOTHING)
    assert request_body(Prompt(message="Hi", context="Be brief."), DEFAULTS, NOTHING)["system"] == [
        {"text": "Be brief."}
    ]
