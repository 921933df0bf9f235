"""Defaults that a model refuses are found out once; a refused value of the caller's is an error that names it."""

from collections.abc import AsyncIterator

import pytest

from llm_relay.errors import ProviderAuth, ProviderRejected
from llm_relay.messages import Options, Prompt, Tool
from server_b.providers.base import Ending, Opening, Text, WholeAnswer
from server_b.providers.bedrock.provider import BedrockProvider
from server_b.providers.bedrock.refused_defaults import MAX_REMEMBERED_MODELS, Refusals
from tests.standins import BedrockStandIn, Fault, FaultKind, Script
from tests.support.bedrock_provider import PROMPT, bedrock, pieces_of
from tests.support.whole_answers import whole_answer

pytestmark = pytest.mark.anyio

BOTH = {"temperature": 0.7, "maxTokens": 1000}


@pytest.fixture
async def standin() -> AsyncIterator[BedrockStandIn]:
    async with BedrockStandIn() as standin:
        yield standin


@pytest.fixture
async def provider(standin: BedrockStandIn) -> AsyncIterator[BedrockProvider]:
    provider = bedrock(standin.url)
    yield provider
    await provider.close()


def _refusing(message: str, *, code: str = "ValidationException") -> Script:
    return Script(fault=Fault(kind=FaultKind.STATUS, code=code, message=message, times=1))


def _sent(standin: BedrockStandIn) -> list[dict[str, float]]:
    return [request.body.get("inferenceConfig", {}) for request in standin.requests]


TEMPERATURES = (
    "temperature is not supported by this model",
    "The model returned the following errors: `temperature` is deprecated for this model.",
    "The model returned the following errors: Unsupported parameter: 'temperature' is not supported with this model.",
    "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
    "Malformed input request: extraneous key [temperature] is not permitted, please reformat your input and try again.",
    "invalid temperature: only 1 is allowed for this model",
)
LIMITS = (
    "The maximum tokens you requested exceeds the model limit of 512. Try again with a lower maximum tokens value.",
    "The model returned the following errors: max_tokens: 1000 > 512, which is the maximum allowed number for claude",
    "Malformed input request: #/textGenerationConfig/maxTokenCount: 1000 is not less or equal to 512",
    "Malformed input request: #/max_gen_len: 1000 is not less or equal to 512",
    "'max_tokens' is too large: 1000. This model's maximum context length is 512 tokens (1000 > 512 - 20).",
)


@pytest.mark.parametrize(
    ("message", "kept"),
    [*((text, {"maxTokens": 1000}) for text in TEMPERATURES), *((text, {"temperature": 0.7}) for text in LIMITS)],
)
async def test_a_default_that_the_model_refuses_is_left_out_from_then_on(
    standin: BedrockStandIn, provider: BedrockProvider, message: str, kept: dict[str, float]
) -> None:
    standin.script = _refusing(message)
    assert isinstance((await pieces_of(provider))[-1], Ending)
    await whole_answer(provider, PROMPT)
    assert _sent(standin) == [BOTH, kept, kept]
    await whole_answer(provider, Prompt(message="Hi", model="haiku"))
    assert _sent(standin)[-1] == BOTH


async def test_both_defaults_may_be_refused_one_after_the_other(
    standin: BedrockStandIn, provider: BedrockProvider
) -> None:
    standin.scripts["picky"] = _refusing(TEMPERATURES[0])
    prompt = Prompt(message="Hi", model="picky", max_tokens=7)
    await whole_answer(provider, prompt)
    standin.scripts["picky"] = _refusing(LIMITS[0])
    await whole_answer(provider, Prompt(message="Hi", model="picky"))
    assert _sent(standin) == [{"temperature": 0.7, "maxTokens": 7}, {"maxTokens": 7}, {"maxTokens": 1000}, {}]
    assert "inferenceConfig" not in standin.requests[-1].body


async def test_a_refusal_inside_the_stream_counts_too(standin: BedrockStandIn, provider: BedrockProvider) -> None:
    # Bedrock has accepted the request by then, but no part of an answer has arrived.
    standin.script = Script(
        opening=False,
        fault=Fault(kind=FaultKind.ERROR_EVENT, code="validationException", message=TEMPERATURES[0], times=1),
    )
    assert isinstance((await pieces_of(provider))[-1], Ending)
    assert _sent(standin) == [BOTH, {"maxTokens": 1000}]


@pytest.mark.parametrize(
    "message",
    [
        "input length and `max_tokens` exceed context limit: 199500 + 1000 > 200000, decrease input length",
        "maximum context length is 8192 tokens. You requested 9000 (8000 in the messages, 1000 in the completion)",
    ],
)
async def test_a_limit_without_room_beside_this_prompt_is_left_out_once(
    standin: BedrockStandIn, provider: BedrockProvider, message: str
) -> None:
    standin.script = _refusing(message)
    await whole_answer(provider, PROMPT)
    await whole_answer(provider, PROMPT)
    assert _sent(standin) == [BOTH, {"temperature": 0.7}, BOTH]


@pytest.mark.parametrize(
    ("given", "message", "field"),
    [
        *(({"temperature": 0.7}, text, "temperature") for text in TEMPERATURES),
        *(({"max_tokens": 1000}, text, "max_tokens") for text in LIMITS),
    ],
)
async def test_a_refused_value_of_the_callers_own_is_an_error_that_names_it(
    standin: BedrockStandIn, provider: BedrockProvider, given: dict[str, float], message: str, field: str
) -> None:
    standin.script = _refusing(message)
    with pytest.raises(ProviderRejected, match=f"^{field}: ") as error:
        await pieces_of(provider, Prompt(message="Hi", **given))  # type: ignore[arg-type]
    assert [violation.field for violation in error.value.violations] == [field]
    assert not error.value.may_have_worked
    assert len(standin.requests) == 1


@pytest.mark.parametrize("model", ["whole-only", "no-stream-permission"])
async def test_a_model_without_streams_is_asked_for_whole_answers_from_then_on(
    standin: BedrockStandIn, provider: BedrockProvider, model: str
) -> None:
    prompt = Prompt(message="Hi", model=model)
    pieces = await pieces_of(provider, prompt)
    whole, opening, text, *_ = pieces
    assert (whole, text) == (WholeAnswer(), Text("Hello, wörld!"))
    assert isinstance(opening, Opening)
    assert len(opening.asked_before) == 1, "the refused stream request is not recorded"
    assert isinstance(pieces[3], Ending)
    assert (await whole_answer(provider, prompt)).text == "Hello, wörld!"
    operations = [request.path.rpartition("/")[2] for request in standin.requests]
    assert operations == ["converse-stream", "converse", "converse"]


async def test_a_model_that_refuses_whole_answers_too_is_asked_for_streams_again(
    standin: BedrockStandIn, provider: BedrockProvider
) -> None:
    standin.scripts["no-stream-permission"] = Script(
        fault=Fault(kind=FaultKind.STATUS, code="AccessDeniedException", message="not authorized", times=1)
    )
    prompt = Prompt(message="Hi", model="no-stream-permission")
    with pytest.raises(ProviderAuth):
        await whole_answer(provider, prompt)
    await whole_answer(provider, prompt)
    operations = [request.path.rpartition("/")[2] for request in standin.requests]
    assert operations == ["converse-stream", "converse", "converse-stream", "converse"]


async def test_a_whole_answer_to_a_stream_request_is_read(standin: BedrockStandIn, provider: BedrockProvider) -> None:
    standin.streams = False
    pieces = await pieces_of(provider)
    assert [type(piece) for piece in pieces] == [Opening, Text, Ending]


async def test_a_model_that_does_not_stream_with_tools_is_asked_for_whole_answers_only_with_tools(
    standin: BedrockStandIn, provider: BedrockProvider
) -> None:
    standin.script = _refusing("This model doesn't support tool use in streaming mode.")
    with_tools = Prompt(message="Hi", options=Options(tools=(Tool(name="weather", input_schema_json="{}"),)))
    for prompt in (with_tools, with_tools, PROMPT):
        assert (await whole_answer(provider, prompt)).text == "Hello, wörld!"
    operations = [request.path.rpartition("/")[2] for request in standin.requests]
    assert operations == ["converse-stream", "converse", "converse", "converse-stream"]


def test_the_number_of_remembered_models_is_limited() -> None:
    refusals = Refusals()
    for number in range(MAX_REMEMBERED_MODELS + 1):
        refusals.remember(f"model-{number}", frozenset({"temperature"}))
    assert not refusals.of("model-0")
    assert refusals.of("model-1")
    assert refusals.of(f"model-{MAX_REMEMBERED_MODELS}")
