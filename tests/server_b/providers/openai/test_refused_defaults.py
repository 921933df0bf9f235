"""Members of a request that a model refuses: found out once and left out, unless they are the caller's own."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from llm_relay.errors import ProviderRejected, ProviderUnavailable
from llm_relay.messages import FinishReason, Prompt
from server_b.providers.base import UNLIMITED_OUTPUT_TOKENS, Ending, Text, WholeAnswer
from server_b.providers.openai.provider import OpenAIProvider
from server_b.providers.openai.refused_defaults import MAX_REMEMBERED_MODELS, NOTHING, Refusals
from tests.standins.answer import Answer, whole
from tests.standins.exchange import Received
from tests.standins.openai import OpenAIStandIn
from tests.standins.openai_errors import error_document
from tests.standins.script import Script
from tests.support.openai_provider import ended, failure, said, serving
from tests.support.whole_answers import whole_answer

pytestmark = pytest.mark.anyio

REFUSING_MODEL = "omni"
"""The stand-in refuses max_tokens and temperature for this model; its name does not show it."""
DEFAULTS = {"temperature": 0.7, "max_tokens": 1000}


class RefusingStandIn(OpenAIStandIn):
    """A compatible server that refuses some members of a request, each with its own document."""

    def __init__(self, documents: Mapping[str, object], *, status: int = 400) -> None:
        super().__init__()
        self._status = status
        self._documents = documents

    def answer(self, received: Received) -> Answer:
        for name, document in self._documents.items():
            if (received.body or {}).get(name):
                return whole(Script(), document, status=self._status, headers={})
        return super().answer(received)


def unsupported(name: str) -> object:
    return error_document(f"Unsupported parameter: '{name}'.", code="unsupported_parameter", param=name)


def vllm(message: str) -> object:
    return {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400}


@pytest.fixture
def standin() -> OpenAIStandIn:
    return OpenAIStandIn()


@pytest.fixture
async def provider(standin: OpenAIStandIn) -> AsyncIterator[OpenAIProvider]:
    async with serving(standin) as provider:
        yield provider


def bodies(standin: OpenAIStandIn) -> list[dict[str, Any]]:
    """Takes the bodies of the requests so far, without their common members."""
    taken = [{**request.body} for request in standin.requests]
    standin.requests.clear()
    for body in taken:
        for name in ("messages", "model", "stream", "stream_options"):
            body.pop(name, None)
    return taken


# Known by the name.


@pytest.mark.parametrize("model", ["o3-mini", "o1", "openai/o4-mini", "gpt-5", "gpt-5.1-mini", "openai/gpt-5-nano"])
async def test_a_reasoning_model_is_known_by_its_name(
    standin: OpenAIStandIn, provider: OpenAIProvider, model: str
) -> None:
    await whole_answer(provider, Prompt(message="Hi", model=model))
    assert bodies(standin) == [{"max_completion_tokens": 1000}]


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1", "solo3", "llama-3-70b", "mistral-o", "gpt-5x"])
async def test_another_model_is_not_mistaken_for_one(
    standin: OpenAIStandIn, provider: OpenAIProvider, model: str
) -> None:
    await whole_answer(provider, Prompt(message="Hi", model=model))
    assert bodies(standin) == [DEFAULTS]


# Found out.


async def test_defaults_that_a_model_refuses_are_left_out_and_that_is_remembered(
    standin: OpenAIStandIn, provider: OpenAIProvider
) -> None:
    prompt = Prompt(message="Hi", model=REFUSING_MODEL)
    await whole_answer(provider, prompt)
    assert bodies(standin) == [
        DEFAULTS,
        {"temperature": 0.7, "max_completion_tokens": 1000},
        {"max_completion_tokens": 1000},
    ]
    await whole_answer(provider, prompt)
    assert bodies(standin) == [{"max_completion_tokens": 1000}]


async def test_the_callers_own_limit_is_renamed_if_a_model_requires_that(
    standin: OpenAIStandIn, provider: OpenAIProvider
) -> None:
    await whole_answer(provider, Prompt(message="Hi", model=REFUSING_MODEL, max_tokens=5))
    assert bodies(standin)[-1] == {"max_completion_tokens": 5}


@pytest.mark.parametrize(("model", "requests"), [(REFUSING_MODEL, 2), ("o3-mini", 1)])
async def test_the_callers_own_temperature_is_never_left_out(
    standin: OpenAIStandIn, provider: OpenAIProvider, model: str, requests: int
) -> None:
    error = await failure(provider, Prompt(message="Hi", model=model, temperature=0.1))
    assert isinstance(error, ProviderRejected)
    assert error.message.startswith("temperature: ")
    assert [violation.field for violation in error.violations] == ["temperature"]
    assert len(standin.requests) == requests
    assert bodies(standin)[-1] == {"temperature": 0.1, "max_completion_tokens": 1000}


async def test_a_failed_repeat_is_not_remembered(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    await failure(provider, Prompt(message="Hi", model=REFUSING_MODEL, temperature=0.1))
    bodies(standin)
    await whole_answer(provider, Prompt(message="Hi", model=REFUSING_MODEL))
    assert bodies(standin)[0] == DEFAULTS


async def test_a_refused_default_limit_is_left_out_but_the_callers_own_fails() -> None:
    limits = {name: unsupported(name) for name in ("max_tokens", "max_completion_tokens")}
    async with serving(standin := RefusingStandIn(limits)) as provider:
        await whole_answer(provider, Prompt(message="Hi"))
        assert bodies(standin)[-1] == {"temperature": 0.7}
        assert isinstance(await failure(provider, Prompt(message="Hi", max_tokens=5)), ProviderRejected)
        assert len(standin.requests) == 1


TOO_LARGE = (
    "'max_tokens' or 'max_completion_tokens' is too large: 1000. This model's maximum context length is %d tokens"
)
LIMIT_REFUSED = {
    "vLLM": (400, vllm(f"{TOO_LARGE % 512} and your request has 10 input tokens (1000 > 512 - 10).")),
    "OpenAI": (400, error_document("max_tokens is too large: 1000.", code="invalid_value", param="max_tokens")),
    "Alibaba": (400, error_document("Range of max_tokens should be [1, 512]", code="invalid_parameter_error")),
    "TGI": (422, {"error": "`inputs` tokens + `max_new_tokens` must be <= 512", "error_type": "validation"}),
    "FastAPI": (422, {"detail": [{"type": "less_than_equal", "loc": ["body", "max_tokens"], "msg": "x"}]}),
    "within a stream": (200, error_document("max_tokens is too large", code="400")),
}


@pytest.mark.parametrize("way", LIMIT_REFUSED)
async def test_a_default_limit_that_is_too_large_is_left_out_and_that_is_remembered(way: str) -> None:
    status, document = LIMIT_REFUSED[way]
    async with serving(standin := RefusingStandIn({"max_tokens": document}, status=status)) as provider:
        await whole_answer(provider, Prompt(message="Hi"))
        assert bodies(standin) == [DEFAULTS, {"temperature": 0.7}]
        await whole_answer(provider, Prompt(message="Hi"))
        assert bodies(standin) == [{"temperature": 0.7}]
        error = await failure(provider, Prompt(message="Hi", max_tokens=2000))
        assert isinstance(error, ProviderRejected)
        assert error.message.startswith("max_tokens: ")
        assert bodies(standin) == [{"temperature": 0.7, "max_tokens": 2000}]


async def test_a_default_limit_without_room_beside_one_prompt_is_not_left_out_for_good() -> None:
    document = vllm(f"{TOO_LARGE % 4096} and your request has 3500 input tokens (1000 > 4096 - 3500).")
    async with serving(standin := RefusingStandIn({"max_tokens": document})) as provider:
        await whole_answer(provider, Prompt(message="Hi"))
        assert bodies(standin) == [DEFAULTS, {"temperature": 0.7}]
        await whole_answer(provider, Prompt(message="Hi"))
        assert bodies(standin)[0] == DEFAULTS


TEMPERATURE_REFUSED = {
    "Moonshot": error_document("invalid temperature: only 1 is allowed for this model"),
    "Databricks": {"message": "Model incompatible request argument supplied: temperature", "error_code": "BAD_REQUEST"},
    "OpenAI": error_document("x", code="unsupported_value", param="temperature"),
    "no code": error_document("x", param="temperature"),
    "Anthropic": {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "`temperature` may only be set to 1 when thinking"},
    },
    "another's within": error_document('litellm.BadRequestError: b\'{"message":"temperature is deprecated"}\''),
}


@pytest.mark.parametrize("way", TEMPERATURE_REFUSED)
async def test_a_default_temperature_that_is_refused_is_left_out_and_that_is_remembered(way: str) -> None:
    async with serving(standin := RefusingStandIn({"temperature": TEMPERATURE_REFUSED[way]})) as provider:
        for requests in (2, 1):
            await whole_answer(provider, Prompt(message="Hi"))
            assert len(standin.requests) == requests
            assert bodies(standin)[-1] == {"max_tokens": 1000}
        error = await failure(provider, Prompt(message="Hi", temperature=0.1))
        assert error.message.startswith("temperature: ")


# Streams.

STREAM_OPTIONS_REFUSED = {
    "param": (400, error_document("Unrecognized request argument.", param="stream_options")),
    "text": (400, {"object": "error", "message": "unknown field stream_options", "code": 400}),
    "path": (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"]}]}),
    "its member": (400, error_document("include_usage is not permitted")),
}


@pytest.mark.parametrize("way", STREAM_OPTIONS_REFUSED)
async def test_a_server_without_stream_options_is_asked_without_them_from_then_on(way: str) -> None:
    status, document = STREAM_OPTIONS_REFUSED[way]
    async with serving(standin := RefusingStandIn({"stream_options": document}, status=status)) as provider:
        for requests in (2, 1):
            assert (await said(provider))[-1] == ended(usage=None)
            assert len(bodies(standin)) == requests


STREAM_REFUSED = {
    "OpenAI": (400, error_document("x", code="unsupported_value", param="stream")),
    "text": (400, error_document("Streaming is not supported for this model")),
    "only false": (422, {"detail": "stream must be false"}),
    "not implemented": (501, error_document("stream is not implemented")),
    "not acceptable": (406, {"message": "x"}),
}


@pytest.mark.parametrize("way", STREAM_REFUSED)
async def test_a_server_without_streams_is_asked_for_whole_answers_from_then_on_and_reported_as_such(way: str) -> None:
    status, document = STREAM_REFUSED[way]
    async with serving(standin := RefusingStandIn({"stream": document}, status=status)) as provider:
        for streams in ([True, False], [False]):
            pieces = await said(provider)
            assert pieces[0] == WholeAnswer()
            assert Text("Hello, wörld!") in pieces
            assert pieces[-1] == ended()
            assert [request.body["stream"] for request in standin.requests] == streams
            standin.requests.clear()


class WholeStandIn(OpenAIStandIn):
    """A server that always answers whole."""

    def answer(self, received: Received) -> Answer:
        asked = Received(
            method=received.method,
            path=received.path,
            headers=received.headers,
            body={**received.body, "stream": False},
        )
        return super().answer(asked)


async def test_a_server_that_answers_stream_requests_whole_is_reported_as_such_from_then_on() -> None:
    async with serving(standin := WholeStandIn()) as provider:
        first, second = await said(provider), await said(provider)
        assert first[-1] == second[-1] == ended()
        assert WholeAnswer() not in first
        assert second[0] == WholeAnswer()
        assert [request.body["stream"] for request in standin.requests] == [True, False]


class StreamingStandIn(OpenAIStandIn):
    """A server that refuses stream requests, yet always streams."""

    def answer(self, received: Received) -> Answer:
        if received.body["stream"]:
            return whole(Script(), error_document("x", param="stream"), status=400, headers={})
        asked = Received(
            method=received.method, path=received.path, headers=received.headers, body={**received.body, "stream": True}
        )
        return super().answer(asked)


async def test_a_server_that_streams_though_asked_for_a_whole_answer_is_understood() -> None:
    async with serving(StreamingStandIn()) as provider:
        pieces = await said(provider)
        assert pieces[-1] == Ending(FinishReason.STOP, None, "default")
        assert "".join(piece.text for piece in pieces if isinstance(piece, Text)) == "Hello, wörld!"


# Refusals that are not about our defaults.


@pytest.mark.parametrize(
    "document",
    [error_document("Bad value.", code="invalid_value", param="messages"), error_document("x"), {"detail": "x"}],
)
async def test_a_request_that_is_refused_for_another_reason_is_not_sent_again(document: object) -> None:
    async with serving(standin := RefusingStandIn({"temperature": document})) as provider:
        assert isinstance(await failure(provider), ProviderRejected)
        assert len(standin.requests) == 1


async def test_a_failed_request_is_not_sent_again() -> None:
    document = error_document("temperature too high in the data centre", kind="server_error")
    async with serving(standin := RefusingStandIn({"temperature": document}, status=503)) as provider:
        assert isinstance(await failure(provider), ProviderUnavailable)
        assert len(standin.requests) == 1


def test_the_number_of_models_with_remembered_refusals_is_limited() -> None:
    refusals = Refusals()
    for number in range(MAX_REMEMBERED_MODELS + 1):
        refusals.remember(f"model-{number}", frozenset({"temperature"}))
    assert refusals.of("model-0") == NOTHING
    assert refusals.of(f"model-{MAX_REMEMBERED_MODELS}") == {"temperature"}


async def test_a_server_that_accepts_no_limit_may_write_as_much_as_any_model() -> None:
    documents = {name: unsupported(name) for name in ("max_tokens", "max_completion_tokens")}
    prompt = Prompt(message="Hi", model="local")
    async with serving(RefusingStandIn(documents)) as provider:
        (before,) = await provider.asked_models(prompt)
        await whole_answer(provider, prompt)
        (afterwards,) = await provider.asked_models(prompt)
    assert before.most_output_tokens == DEFAULTS["max_tokens"]
    assert afterwards.most_output_tokens == UNLIMITED_OUTPUT_TOKENS
