"""The OpenAI provider and the Responses API: which API it calls, and how the answer is returned."""

import contextlib
from collections.abc import AsyncIterator, Sequence

import orjson
import pytest

from llm_relay.errors import (
    ProviderAuth,
    ProviderProtocol,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    RelayError,
    UnknownModel,
    Unsupported,
)
from llm_relay.messages import (
    FinishReason,
    Options,
    Part,
    Prompt,
    Reasoning,
    Role,
    Sampling,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from server_b.providers.base import Ending, Text, WholeAnswer
from server_b.providers.content_pieces import CallStarted, ReasoningPiece
from server_b.providers.openai.failures.failure import failure_of_response
from server_b.providers.openai.interfaces import CHAT, RESPONSES, Api, Interface, InterfaceChoice
from server_b.providers.openai.provider import OpenAIProvider
from server_b.providers.openai.refused_defaults import CHAT_COMPLETIONS, NOTHING, change_of_interface
from tests.standins.answer import Answer, whole
from tests.standins.exchange import Outcome, Received
from tests.standins.openai import OpenAIStandIn
from tests.standins.openai_errors import error_document
from tests.standins.openai_responses import call_item, reasoning_item
from tests.standins.script import Fault, FaultKind, Script
from tests.support.openai_provider import failure, said, said_before_failing, serving

pytestmark = pytest.mark.anyio

ALONE = "codex-9"
"""A model that the stand-in answers for only in the Responses API."""
TOOL = Tool(name="weather", input_schema_json='{"type":"object"}')
CALL = ToolCall(id="call_1", name="weather", arguments_json='{"city":"Ulm"}')


def prompt_with(
    *, effort: str = "", model: str | None = None, seed: int | None = None, history: Sequence[Part] = ()
) -> Prompt:
    thinking = Thinking(effort=effort) if effort else None
    sampling = Sampling(seed=seed) if seed is not None else None
    turns = (Turn(role=Role.ASSISTANT, parts=tuple(history)),) if history else ()
    return Prompt(message="Hi", model=model, history=turns, options=Options(thinking=thinking, sampling=sampling))


def paths(standin: OpenAIStandIn) -> list[str]:
    taken = [request.path.removeprefix("/v1") for request in standin.requests]
    standin.requests.clear()
    return taken


@pytest.fixture
def standin() -> OpenAIStandIn:
    return OpenAIStandIn()


@pytest.fixture
async def provider(standin: OpenAIStandIn) -> AsyncIterator[OpenAIProvider]:
    async with serving(standin, api=Api.RESPONSES) as provider:
        yield provider


ENCRYPTED = Reasoning(redacted=b"x", provider="openai")


@pytest.mark.parametrize(
    ("api", "is_vendor", "prompt", "interface"),
    [
        (Api.AUTO, True, Prompt(message="Hi"), CHAT),
        (Api.AUTO, True, prompt_with(effort="low"), RESPONSES),
        (Api.AUTO, True, prompt_with(effort="none"), CHAT),
        (Api.AUTO, True, prompt_with(effort="low", seed=1), CHAT),
        (Api.AUTO, True, prompt_with(history=(ENCRYPTED, TextPart(text="Hi"))), RESPONSES),
        (Api.AUTO, True, prompt_with(effort="none", history=(ENCRYPTED, TextPart(text="Hi"))), CHAT),
        (Api.AUTO, False, prompt_with(effort="low"), CHAT),
        (Api.CHAT, True, prompt_with(effort="low"), CHAT),
        (Api.RESPONSES, False, Prompt(message="Hi"), RESPONSES),
        (Api.RESPONSES, True, prompt_with(seed=1), RESPONSES),
    ],
)
async def test_the_interface_depends_on_the_setting_the_vendor_and_the_prompt(
    api: Api, is_vendor: bool, prompt: Prompt, interface: Interface
) -> None:
    choice = InterfaceChoice(api=api, is_vendor=is_vendor, fetches_urls=is_vendor)
    assert choice.of(prompt, NOTHING) is interface


async def test_a_model_known_to_answer_only_there_is_called_there() -> None:
    choice = InterfaceChoice(api=Api.AUTO, is_vendor=False, fetches_urls=False)
    assert choice.of(prompt_with(seed=1), frozenset({CHAT_COMPLETIONS})) is RESPONSES


@pytest.mark.parametrize(
    ("status", "message", "param", "lasts"),
    [
        (404, "This model is only supported in v1/responses and not in v1/chat/completions.", "model", True),
        (
            404,
            "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean …?",
            "model",
            True,
        ),
        (400, "The requested model 'o1-pro' is not supported with the Chat Completions API.", None, True),
        (400, "The chatCompletion operation does not work with the specified model, o3-pro.", None, True),
        (400, "model codex is only available through the Responses API", None, True),
        (400, "Please use the `/v1/responses` endpoint for this model", None, True),
        (400, "This model does not support chat completions", None, True),
        (
            400,
            "Function tools with reasoning_effort are not supported in /v1/chat/completions. Please use /v1/responses.",
            "reasoning_effort",
            False,
        ),
        (404, "The model `x` does not exist or you do not have access to it.", None, None),
        (400, "temperature is not supported with this model", "temperature", None),
        (400, "Tool responses are not supported by this chat template", None, None),
        (500, "use /v1/responses", None, None),
        (401, "use /v1/responses", None, None),
    ],
)
async def test_refusals_that_point_to_the_responses_api_are_recognised(
    status: int, message: str, param: str | None, lasts: bool | None
) -> None:
    body = orjson.dumps(error_document(message, param=param))
    change = change_of_interface(failure_of_response(status, {}, body))
    assert (change.lasts if change else None) is lasts


async def test_a_model_that_answers_only_there_is_found_out_once() -> None:
    standin = OpenAIStandIn()
    async with serving(standin) as provider:
        for _ in range(2):
            pieces = await said(provider, prompt_with(model=ALONE))
            assert [piece.text for piece in pieces if isinstance(piece, Text)]
            assert isinstance(pieces[-1], Ending)
        # Chat completions refuse, responses refuse the temperature, and then all is known.
        assert paths(standin) == ["/chat/completions", "/responses", "/responses", "/responses"]
        await said(provider)
        assert paths(standin) == ["/chat/completions"]


async def test_options_that_only_chat_supports_are_unsupported_for_such_a_model() -> None:
    async with serving(OpenAIStandIn()) as provider:
        prompt = prompt_with(model=ALONE, seed=1)
        provider.refuse_unsupported(prompt)  # nothing is known yet
        error = await failure(provider, prompt)
        assert isinstance(error, Unsupported)
        assert error.message.startswith("options.sampling.seed: not supported by openai: ")
        await said(provider, prompt_with(model=ALONE))
        with pytest.raises(Unsupported, match=r"options\.sampling\.seed"):
            provider.refuse_unsupported(prompt)


async def test_with_only_chat_allowed_the_refusal_is_the_answer() -> None:
    standin = OpenAIStandIn()
    async with serving(standin, api=Api.CHAT) as provider:
        assert isinstance(await failure(provider, prompt_with(model=ALONE)), UnknownModel)
        assert paths(standin) == ["/chat/completions"]


class ChatOnly(OpenAIStandIn):
    """A server without a Responses API, one of whose models is no chat model."""

    def answer(self, received: Received) -> Answer:
        if received.path == "/v1/responses":
            return whole(Script(), {"detail": "Not Found"}, status=404, headers={})
        message = "The model does not support Chat Completions API"
        return whole(Script(), error_document(message), status=400, headers={})


async def test_a_server_without_responses_is_reported_by_the_first_refusal() -> None:
    async with serving(ChatOnly()) as provider:
        error = await failure(provider)
        assert isinstance(error, ProviderRejected)
        assert "HTTP 400" in error.message


async def test_an_option_that_a_model_lacks_is_found_out_once(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    await said(provider)
    await said(provider)
    assert ["include" in request.body for request in standin.requests] == [True, False, False]
    assert all(request.body["temperature"] == 0.7 for request in standin.requests)


async def test_a_refused_effort_is_the_callers_error(provider: OpenAIProvider) -> None:
    error = await failure(provider, prompt_with(effort="low"))
    assert isinstance(error, ProviderRejected)


async def test_reasoning_and_calls_make_the_round_trip(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    thought = reasoning_item("Look outside", encrypted="gAAAA+/é==", item_id="rs_7")
    standin.output = (thought, call_item("weather", CALL.arguments_json))
    options = Options(tools=(TOOL,), thinking=Thinking(effort="low"))
    pieces = await said(provider, Prompt(message="Weather?", model="gpt-5", options=options))
    shown = [piece for piece in pieces if isinstance(piece, ReasoningPiece)]
    part = Reasoning(
        text="".join(piece.text for piece in shown),
        redacted=b"".join(piece.redacted for piece in shown),
        id=shown[0].id,
        provider="openai",
    )
    assert part == Reasoning(text="Look outside", redacted="gAAAA+/é==".encode(), id="rs_7", provider="openai")
    assert CallStarted(1, "call_1", "weather") in pieces
    assert isinstance(ending := pieces[-1], Ending)
    assert ending.finish_reason is FinishReason.TOOL_CALLS

    standin.output = ()
    history = (Turn(role=Role.USER, text="Weather?"), Turn(role=Role.ASSISTANT, parts=(part, CALL)))
    result = ToolResult(tool_call_id="call_1", content=(TextPart(text="sunny"),))
    await said(provider, Prompt(message="", model="gpt-5", history=history, parts=(result,), options=options))
    sent = standin.requests[-1].body["input"]
    assert sent[1] == thought
    assert [item["type"] for item in sent[2:]] == ["function_call", "function_call_output"]


async def test_a_model_that_does_not_stream_answers_whole(standin: OpenAIStandIn) -> None:
    class WholeOnly(OpenAIStandIn):
        def answer(self, received: Received) -> Answer:
            if received.body["stream"]:
                document = error_document("Streaming is not supported for this model.", param="stream")
                return whole(Script(), document, status=400, headers={})
            return super().answer(received)

    async with serving(WholeOnly(), api=Api.RESPONSES) as provider:
        pieces = await said(provider, prompt_with(model="gpt-5"))
    assert pieces[0] == WholeAnswer()
    assert "".join(piece.text for piece in pieces if isinstance(piece, Text)) == "Hello, wörld!"


FAULTS = [
    (Fault(kind=FaultKind.STATUS, status=401), ProviderAuth, False),
    (Fault(kind=FaultKind.STATUS, status=429, headers={"retry-after": "2"}), ProviderRateLimited, False),
    (Fault(kind=FaultKind.STATUS, status=503), ProviderUnavailable, False),
    (Fault(kind=FaultKind.STATUS, status=404), UnknownModel, False),
    (Fault(kind=FaultKind.CUT_BEFORE), ProviderUnavailable, True),
]


@pytest.mark.parametrize(("fault", "expected", "may_have_worked"), FAULTS)
async def test_a_failure_before_the_answer_has_its_class(
    standin: OpenAIStandIn, provider: OpenAIProvider, fault: Fault, expected: type[RelayError], may_have_worked: bool
) -> None:
    standin.script = Script(fault=fault)
    error = await failure(provider, prompt_with(model="gpt-5"))
    assert type(error) is expected
    assert error.may_have_worked is may_have_worked


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (FaultKind.CUT, ProviderProtocol),
        (FaultKind.RESET, ProviderProtocol),
        (FaultKind.NO_END, ProviderProtocol),
        (FaultKind.MALFORMED, ProviderProtocol),
        (FaultKind.ERROR_EVENT, ProviderUnavailable),
    ],
)
async def test_a_failure_during_the_answer_has_its_class(
    standin: OpenAIStandIn, provider: OpenAIProvider, kind: FaultKind, expected: type[RelayError]
) -> None:
    standin.script = Script(fault=Fault(kind=kind, after=2))
    text, error = await said_before_failing(provider)
    assert text.startswith("Hello, ")
    assert type(error) is expected
    assert error.may_have_worked


async def test_leaving_closes_the_connection(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.HANG_DURING, after=1))
    async with contextlib.aclosing(provider.stream(prompt_with(model="gpt-5"))) as pieces:
        async for piece in pieces:
            if isinstance(piece, Text):
                break
    assert await standin.requests[-1].ended() is Outcome.DISCONNECTED
