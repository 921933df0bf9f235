"""What OpenAI is asked, and what is left out or renamed where a model refuses it."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from openai import AsyncOpenAI

from llm_relay.errors import ProviderRejected
from llm_relay.messages import FinishReason, Prompt, Role, Turn
from server_b.providers.base import Ending
from server_b.providers.openai.provider import OpenAIProvider
from server_b.providers.openai.request import MAX_REMEMBERED_MODELS, NOTHING, Refusals
from tests.standins.answer import Answer, whole
from tests.standins.exchange import Received
from tests.standins.openai import OpenAIStandIn
from tests.standins.openai_errors import error_document
from tests.standins.script import Script
from tests.support.asking_openai import KEY, failure, said, serving

pytestmark = pytest.mark.anyio

REFUSING_MODEL = "omni"
"""The stand-in refuses max_tokens and temperature for it; nothing in its name says so."""


class RefusingStandIn(OpenAIStandIn):
    """A compatible server that refuses some parameters, each with a document of its own."""

    def __init__(self, status: int, documents: Mapping[str, object]) -> None:
        super().__init__()
        self._status = status
        self._documents = documents

    def answer(self, received: Received) -> Answer:
        for name, document in self._documents.items():
            if name in received.body:
                return whole(Script(), document, status=self._status, headers={})
        return super().answer(received)


def unsupported(name: str) -> object:
    return error_document(f"Unsupported parameter: '{name}'.", code="unsupported_parameter", param=name)


@pytest.fixture
def standin() -> OpenAIStandIn:
    return OpenAIStandIn()


@pytest.fixture
async def provider(standin: OpenAIStandIn) -> AsyncIterator[OpenAIProvider]:
    async with serving(standin) as provider:
        yield provider


def bodies(standin: OpenAIStandIn) -> list[dict[str, Any]]:
    """Takes the bodies of the requests so far, without what is in all of them."""
    taken = [{**request.body} for request in standin.requests]
    standin.requests.clear()
    for body in taken:
        del body["messages"], body["model"]
    return taken


async def test_the_conversation_is_system_prompt_history_and_message(
    standin: OpenAIStandIn, provider: OpenAIProvider
) -> None:
    history = (Turn(role=Role.USER, text="Hi"), Turn(role=Role.ASSISTANT, text="Hello"))
    await provider.complete(Prompt(message="Wörld?", context="Be brief", history=history, model="gpt-4o-mini"))
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
    }


@pytest.mark.parametrize("stream", [False, True])
async def test_the_request_is_what_openais_own_sdk_would_send(
    standin: OpenAIStandIn, provider: OpenAIProvider, stream: bool
) -> None:
    if stream:
        await said(provider, Prompt(message="Hi", context="Be brief"))
    else:
        await provider.complete(Prompt(message="Hi", context="Be brief"))
    options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    async with AsyncOpenAI(api_key=KEY, base_url=standin.base_url, max_retries=0) as sdk:
        await sdk.post(
            "/chat/completions",
            cast_to=object,
            body={
                "model": "gpt-4o",
                "messages": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Hi"}],
                "temperature": 0.7,
                "max_tokens": 1000,
                **options,
            },
        )
    ours, theirs = standin.requests
    assert (ours.method, ours.path, ours.body) == (theirs.method, theirs.path, theirs.body)
    for name in ("authorization", "content-type", "host"):
        assert ours.headers[name] == theirs.headers[name]


async def test_a_blank_context_and_a_blank_model_are_none(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    await provider.complete(Prompt(message="Hi", context=" \n", model=" "))
    body = standin.requests[0].body
    assert body["model"] == "gpt-4o"
    assert [message["role"] for message in body["messages"]] == ["user"]


async def test_the_callers_own_values_go_before_the_defaults(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    await provider.complete(Prompt(message="Hi", temperature=0, max_tokens=5))
    assert bodies(standin) == [{"temperature": 0, "max_tokens": 5}]


async def test_a_stream_asks_for_its_usage(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    await said(provider)
    (body,) = bodies(standin)
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("model", ["o3-mini", "o1", "openai/o4-mini", "gpt-5", "gpt-5.1-mini", "openai/gpt-5-nano"])
async def test_a_reasoning_model_is_known_by_its_name(
    standin: OpenAIStandIn, provider: OpenAIProvider, model: str
) -> None:
    await provider.complete(Prompt(message="Hi", model=model))
    assert bodies(standin) == [{"max_completion_tokens": 1000}]


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1", "solo3", "llama-3-70b", "mistral-o", "gpt-5x"])
async def test_another_model_is_not_taken_for_one(standin: OpenAIStandIn, provider: OpenAIProvider, model: str) -> None:
    await provider.complete(Prompt(message="Hi", model=model))
    assert bodies(standin) == [{"temperature": 0.7, "max_tokens": 1000}]


async def test_defaults_that_a_model_refuses_are_left_out_and_that_is_remembered(
    standin: OpenAIStandIn, provider: OpenAIProvider
) -> None:
    prompt = Prompt(message="Hi", model=REFUSING_MODEL)
    await provider.complete(prompt)
    assert bodies(standin) == [
        {"temperature": 0.7, "max_tokens": 1000},
        {"temperature": 0.7, "max_completion_tokens": 1000},
        {"max_completion_tokens": 1000},
    ]
    await provider.complete(prompt)
    assert bodies(standin) == [{"max_completion_tokens": 1000}]


async def test_the_callers_own_limit_is_renamed_where_a_model_wants_that(
    standin: OpenAIStandIn, provider: OpenAIProvider
) -> None:
    await provider.complete(Prompt(message="Hi", model=REFUSING_MODEL, max_tokens=5))
    assert bodies(standin)[-1] == {"max_completion_tokens": 5}


@pytest.mark.parametrize(("model", "requests"), [(REFUSING_MODEL, 2), ("o3-mini", 1)])
async def test_the_callers_own_temperature_is_never_left_out(
    standin: OpenAIStandIn, provider: OpenAIProvider, model: str, requests: int
) -> None:
    error = await failure(provider, Prompt(message="Hi", model=model, temperature=0.1))
    assert isinstance(error, ProviderRejected)
    assert len(standin.requests) == requests
    assert bodies(standin)[-1] == {"temperature": 0.1, "max_completion_tokens": 1000}


async def test_a_failed_repeat_is_not_remembered(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    await failure(provider, Prompt(message="Hi", model=REFUSING_MODEL, temperature=0.1))
    bodies(standin)
    await provider.complete(Prompt(message="Hi", model=REFUSING_MODEL))
    assert bodies(standin)[0] == {"temperature": 0.7, "max_tokens": 1000}


async def test_a_default_limit_is_left_out_where_none_is_known_but_the_callers_own_fails() -> None:
    limits = {name: unsupported(name) for name in ("max_tokens", "max_completion_tokens")}
    async with serving(standin := RefusingStandIn(400, limits)) as provider:
        await provider.complete(Prompt(message="Hi"))
        assert bodies(standin)[-1] == {"temperature": 0.7}
        assert isinstance(await failure(provider, Prompt(message="Hi", max_tokens=5)), ProviderRejected)
        assert len(standin.requests) == 1


STREAM_OPTIONS_REFUSED = {
    "param": (400, error_document("Unrecognized request argument.", param="stream_options")),
    "text": (400, {"object": "error", "message": "unknown field stream_options", "code": 400}),
    "path": (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"]}]}),
}


@pytest.mark.parametrize("way", STREAM_OPTIONS_REFUSED)
async def test_a_server_without_stream_options_is_asked_without_them_from_then_on(way: str) -> None:
    status, document = STREAM_OPTIONS_REFUSED[way]
    async with serving(standin := RefusingStandIn(status, {"stream_options": document})) as provider:
        for requests in (2, 1):
            assert (await said(provider))[-1] == Ending(FinishReason.STOP, None)
            assert len(bodies(standin)) == requests


async def test_what_is_refused_for_another_reason_is_not_asked_again() -> None:
    documents = {"temperature": error_document("Bad value.", code="invalid_value", param="temperature")}
    async with serving(standin := RefusingStandIn(400, documents)) as provider:
        assert isinstance(await failure(provider), ProviderRejected)
        assert len(standin.requests) == 1


def test_what_models_refuse_is_remembered_for_so_many_of_them() -> None:
    refusals = Refusals()
    for number in range(MAX_REMEMBERED_MODELS + 1):
        refusals.remember(f"model-{number}", frozenset({"temperature"}))
    assert refusals.of("model-0") == NOTHING
    assert refusals.of(f"model-{MAX_REMEMBERED_MODELS}") == {"temperature"}
