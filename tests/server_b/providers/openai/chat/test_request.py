"""Requests to OpenAI."""

from collections.abc import AsyncIterator

import pytest
from openai import AsyncOpenAI

from llm_relay.messages import Prompt, Role, Turn
from server_b.providers.base import Defaults
from server_b.providers.openai.chat.request import request_body
from server_b.providers.openai.provider import OpenAIProvider
from server_b.providers.openai.refused_defaults import DEFAULT_LIMIT
from tests.standins.openai import OpenAIStandIn
from tests.support.openai_provider import KEY, said, serving
from tests.support.whole_answers import whole_answer

pytestmark = pytest.mark.anyio

DEFAULTS = Defaults(temperature=0.7, max_tokens=1000)
STREAM = {"stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture
def standin() -> OpenAIStandIn:
    return OpenAIStandIn()


@pytest.fixture
async def provider(standin: OpenAIStandIn) -> AsyncIterator[OpenAIProvider]:
    async with serving(standin) as provider:
        yield provider


def turns(*roles: str) -> tuple[Turn, ...]:
    return tuple(Turn(role=Role(role), text=f"{role} {number}") for number, role in enumerate(roles))


def body_of(prompt: Prompt, *refused: str) -> dict[str, object]:
    """Makes a body without the common members."""
    body = request_body(prompt, "m", DEFAULTS, frozenset(refused))
    del body["messages"], body["model"]
    return body


async def test_the_conversation_is_system_prompt_history_and_message(
    standin: OpenAIStandIn, provider: OpenAIProvider
) -> None:
    history = (Turn(role=Role.USER, text="Hi"), Turn(role=Role.ASSISTANT, text="Hello"))
    await whole_answer(provider, Prompt(message="Wörld?", context="Be brief", history=history, model="gpt-4o-mini"))
    assert standin.requests[0].body == {
        "model": "gpt-4o-mini",
        "messages": [
            {"role": "system", "content": "Be brief"},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": "Wörld?"},
        ],
        "temperature": 0.7,
        "max_tokens": 1000,
        **STREAM,
    }


@pytest.mark.parametrize("whole", [False, True])
async def test_the_request_is_what_openais_own_sdk_would_send(
    standin: OpenAIStandIn, provider: OpenAIProvider, whole: bool
) -> None:
    prompt = Prompt(message="Hi", context="Be brief")
    await (whole_answer(provider, prompt) if whole else said(provider, prompt))
    async with AsyncOpenAI(api_key=KEY, base_url=standin.base_url, max_retries=0) as sdk:
        await sdk.post(
            "/chat/completions",
            cast_to=object,
            body={
                "model": "gpt-4o",
                "messages": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Hi"}],
                "temperature": 0.7,
                "max_tokens": 1000,
                **STREAM,
            },
        )
    ours, theirs = standin.requests
    assert (ours.method, ours.path, ours.body) == (theirs.method, theirs.path, theirs.body)
    for name in ("authorization", "content-type", "host"):
        assert ours.headers[name] == theirs.headers[name]


async def test_a_blank_context_and_a_blank_model_are_absent(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    await whole_answer(provider, Prompt(message="Hi", context=" \n", model=" "))
    body = standin.requests[0].body
    assert body["model"] == "gpt-4o"
    assert [message["role"] for message in body["messages"]] == ["user"]


@pytest.mark.parametrize(
    ("history", "messages"),
    [
        (turns("user", "user"), [("user", "user 0\n\nuser 1\n\nnow")]),
        (
            turns("user", "assistant", "assistant"),
            [("user", "user 0"), ("assistant", "assistant 1\n\nassistant 2"), ("user", "now")],
        ),
        (turns("assistant"), [("assistant", "assistant 0"), ("user", "now")]),
        (turns(), [("user", "now")]),
    ],
    ids=["two of the user", "two of the assistant", "the assistant's first", "none"],
)
def test_neighbours_of_one_role_are_sent_as_one(history: tuple[Turn, ...], messages: list[tuple[str, str]]) -> None:
    body = request_body(Prompt(message="now", history=history), "m", DEFAULTS, frozenset())
    assert body["messages"] == [{"role": role, "content": text} for role, text in messages]


OWN = Prompt(message="Hi", temperature=0, max_tokens=5)
NONE = Prompt(message="Hi")


@pytest.mark.parametrize(
    ("prompt", "refused", "expected"),
    [
        (NONE, (), {"temperature": 0.7, "max_tokens": 1000, **STREAM}),
        (OWN, (), {"temperature": 0, "max_tokens": 5, **STREAM}),
        (NONE, ("temperature",), {"max_tokens": 1000, **STREAM}),
        (OWN, ("temperature",), {"temperature": 0, "max_tokens": 5, **STREAM}),
        (NONE, ("max_tokens",), {"temperature": 0.7, "max_completion_tokens": 1000, **STREAM}),
        (OWN, ("max_tokens",), {"temperature": 0, "max_completion_tokens": 5, **STREAM}),
        (NONE, ("max_tokens", "max_completion_tokens"), {"temperature": 0.7, **STREAM}),
        (OWN, ("max_tokens", "max_completion_tokens"), {"temperature": 0, "max_completion_tokens": 5, **STREAM}),
        (NONE, (DEFAULT_LIMIT,), {"temperature": 0.7, **STREAM}),
        (OWN, (DEFAULT_LIMIT,), {"temperature": 0, "max_tokens": 5, **STREAM}),
        (NONE, ("stream_options",), {"temperature": 0.7, "max_tokens": 1000, "stream": True}),
        (NONE, ("stream",), {"temperature": 0.7, "max_tokens": 1000, "stream": False}),
    ],
)
def test_what_is_refused_is_left_out_unless_the_caller_asked_for_it(
    prompt: Prompt, refused: tuple[str, ...], expected: dict[str, object]
) -> None:
    assert body_of(prompt, *refused) == expected
