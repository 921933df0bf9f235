"""OpenAI's SDK accepts OpenAI's stand-in, and sees each fault."""

import asyncio
import json
from collections.abc import AsyncIterator
from io import StringIO

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionUserMessageParam

from tests.standins import Fault, FaultKind, OpenAIStandIn, Outcome, Script, Usage
from tests.standins.openai import MODELS, REDIRECTED_PATH

pytestmark = pytest.mark.anyio

TEXT = "Hello, wörld!"
HI: ChatCompletionUserMessageParam = {"role": "user", "content": "Hi"}
USAGE = Usage(input_tokens=20, output_tokens=7, cache_read_tokens=5, cache_write_tokens=3, reasoning_tokens=2)


@pytest.fixture
async def standin() -> AsyncIterator[OpenAIStandIn]:
    async with OpenAIStandIn() as standin:
        yield standin


@pytest.fixture
async def client(standin: OpenAIStandIn) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key="sk-any", base_url=standin.base_url, max_retries=0, timeout=60) as client:
        yield client


async def whole(client: AsyncOpenAI, model: str = "gpt-4o") -> ChatCompletion:
    return await client.chat.completions.create(model=model, messages=[HI])


async def streamed(client: AsyncOpenAI, model: str = "gpt-4o") -> list[ChatCompletionChunk]:
    stream = await client.chat.completions.create(
        model=model, messages=[HI], stream=True, stream_options={"include_usage": True}
    )
    async with stream:
        return [event async for event in stream]


async def listen(client: AsyncOpenAI, heard: StringIO) -> None:
    async for event in await client.chat.completions.create(model="gpt-4o", messages=[HI], stream=True):
        heard.write(event.choices[0].delta.content or "")


def text_of(events: list[ChatCompletionChunk]) -> str:
    return "".join(event.choices[0].delta.content or "" for event in events if event.choices)


async def test_a_whole_answer_has_its_text_end_and_usage(standin: OpenAIStandIn, client: AsyncOpenAI) -> None:
    standin.script = Script(model="gpt-4o-2024-08-06", finish="length", usage=USAGE)
    answer = await whole(client)

    assert answer.model == "gpt-4o-2024-08-06"
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.to_dict(exclude_none=True) == {
        "prompt_tokens": 20,
        "completion_tokens": 7,
        "total_tokens": 27,
        "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    received = await standin.next_request()
    assert (received.method, received.path) == ("POST", "/v1/chat/completions")
    assert received.headers["authorization"] == "Bearer sk-any"
    assert received.body["messages"] == [HI]
    assert (received.outcome, received.words_sent) == (Outcome.DONE, 4)


async def test_a_stream_is_role_words_finish_usage(standin: OpenAIStandIn, client: AsyncOpenAI) -> None:
    standin.script = Script(usage=USAGE)
    opening, *words, finish, usage = await streamed(client)

    assert opening.choices[0].delta.role == "assistant"
    assert [event.choices[0].delta.content for event in words] == ["Hello", ", ", "wörld", "!"]
    assert finish.choices[0].finish_reason == "stop"
    assert (usage.choices, usage.usage and usage.usage.total_tokens) == ([], 27)
    assert {event.model for event in (opening, *words, finish, usage)} == {"gpt-4o"}


async def test_unreported_usage_is_absent(standin: OpenAIStandIn, client: AsyncOpenAI) -> None:
    standin.script = Script(usage=None)

    assert (await whole(client)).usage is None
    assert [event.usage for event in await streamed(client)] == [None] * 6


async def test_a_model_may_have_its_own_script(standin: OpenAIStandIn, client: AsyncOpenAI) -> None:
    standin.scripts["gpt-4o-mini"] = Script(words=("Other",))

    assert text_of(await streamed(client, "gpt-4o-mini")) == "Other"
    assert text_of(await streamed(client)) == TEXT


async def test_models_are_listed_by_their_own_script(standin: OpenAIStandIn, client: AsyncOpenAI) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.CUT_BEFORE))
    assert [model.id async for model in client.models.list()] == list(MODELS)

    standin.listing = Script(fault=Fault(kind=FaultKind.STATUS, status=503))
    with pytest.raises(openai.InternalServerError):
        await client.models.list()


@pytest.mark.parametrize(
    ("options", "status", "code", "param"),
    [
        ({"model": "no-such-model"}, 404, "model_not_found", None),
        ({"model": "short-context"}, 400, "context_length_exceeded", "messages"),
        ({"model": "o3-mini", "temperature": 0.7}, 400, "unsupported_value", "temperature"),
        ({"model": "o3-mini", "max_tokens": 9}, 400, "unsupported_parameter", "max_tokens"),
    ],
    ids=str,
)
async def test_a_request_that_can_never_succeed_is_refused(
    client: AsyncOpenAI, options: dict[str, object], status: int, code: str, param: str | None
) -> None:
    with pytest.raises(openai.APIStatusError) as refusal:
        await client.post("/chat/completions", body={"messages": [HI], **options}, cast_to=ChatCompletion)

    error = refusal.value
    assert (error.status_code, error.code, error.param, error.type) == (status, code, param, "invalid_request_error")


async def test_the_o_series_takes_max_completion_tokens(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="o3-mini", messages=[HI], max_completion_tokens=9)

    assert answer.choices[0].message.content == TEXT


async def test_a_wrong_key_is_refused(standin: OpenAIStandIn, client: AsyncOpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as refusal:
        await whole(client.with_options(api_key="sk-wrong"))

    assert refusal.value.code == "invalid_api_key"


async def test_a_redirect_leads_to_another_path(standin: OpenAIStandIn, client: AsyncOpenAI) -> None:
    answer = await whole(client, "redirect")

    assert answer.choices[0].message.content == TEXT
    assert [received.path for received in standin.requests] == ["/v1/chat/completions", REDIRECTED_PATH]


@pytest.mark.parametrize("headers", [{"retry-after": "2"}, {"retry-after-ms": "1500"}], ids=str)
async def test_a_rate_limit_says_when_to_retry(
    standin: OpenAIStandIn, client: AsyncOpenAI, headers: dict[str, str]
) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.STATUS, status=429, headers=headers, times=1))
    with pytest.raises(openai.RateLimitError) as limit:
        await streamed(client)

    assert headers.items() <= dict(limit.value.response.headers).items()
    assert limit.value.code == "rate_limit_exceeded"
    assert (await standin.next_request()).words_sent == 0
    assert text_of(await streamed(client)) == TEXT


async def test_an_empty_account_differs_from_a_rate_limit(standin: OpenAIStandIn, client: AsyncOpenAI) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.STATUS, code="insufficient_quota"))
    with pytest.raises(openai.RateLimitError) as limit:
        await whole(client)

    assert (limit.value.code, limit.value.type) == ("insufficient_quota", "insufficient_quota")


BREAKS = {
    FaultKind.CUT_BEFORE: openai.APIConnectionError,
    FaultKind.CUT: openai.APIConnectionError,
    FaultKind.RESET: openai.APIConnectionError,
    FaultKind.MALFORMED: json.JSONDecodeError,
    FaultKind.INVALID_UTF8: UnicodeDecodeError,
}


@pytest.mark.parametrize("kind", [*BREAKS, FaultKind.ERROR_EVENT])
async def test_a_broken_stream_gives_its_words_and_then_an_error(
    standin: OpenAIStandIn, client: AsyncOpenAI, kind: FaultKind
) -> None:
    standin.script = Script(fault=Fault(kind=kind, after=2, message="Sorry"))
    heard = StringIO()
    with pytest.raises(BREAKS.get(kind, openai.APIError)):
        await listen(client, heard)

    assert heard.getvalue() == ("" if kind is FaultKind.CUT_BEFORE else "Hello, ")


@pytest.mark.parametrize("kind", BREAKS)
async def test_a_broken_whole_answer_is_an_error(standin: OpenAIStandIn, client: AsyncOpenAI, kind: FaultKind) -> None:
    standin.script = Script(fault=Fault(kind=kind))
    with pytest.raises(BREAKS[kind]):
        await whole(client)


async def test_an_error_object_under_status_200_has_no_choices(standin: OpenAIStandIn, client: AsyncOpenAI) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.ERROR_EVENT))

    assert (await whole(client)).to_dict().keys() == {"error"}


@pytest.mark.parametrize(
    ("kind", "finish"),
    [
        (FaultKind.NO_END, None),
        (FaultKind.DONE_WITHOUT_FINISH, None),
        (FaultKind.FINISH_WITHOUT_DONE, "stop"),
        (FaultKind.SPLIT_UTF8, "stop"),
    ],
)
async def test_which_endings_the_sdk_considers_complete(
    standin: OpenAIStandIn, client: AsyncOpenAI, kind: FaultKind, finish: str | None
) -> None:
    standin.script = Script(fault=Fault(kind=kind))
    events = await streamed(client)
    answer = await whole(client)

    assert (text_of(events), answer.choices[0].message.content) == (TEXT, TEXT)
    reasons = [event.choices[0].finish_reason for event in events if event.choices]
    assert [reason for reason in reasons if reason] == ([finish] if finish else [])
    assert answer.choices[0].finish_reason == finish


@pytest.mark.parametrize("kind", [FaultKind.HANG, FaultKind.HANG_HEADERS])
async def test_a_dropped_call_closes_its_connection(
    standin: OpenAIStandIn, client: AsyncOpenAI, kind: FaultKind
) -> None:
    standin.script = Script(fault=Fault(kind=kind))
    calling = asyncio.create_task(whole(client))
    received = await standin.next_request()
    calling.cancel()

    assert await received.ended() is Outcome.DISCONNECTED
    await standin.all_closed()


async def test_a_stream_closed_early_closes_its_connection(standin: OpenAIStandIn, client: AsyncOpenAI) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.HANG_DURING, after=1))
    stream = await client.chat.completions.create(model="gpt-4o", messages=[HI], stream=True)
    async for event in stream:
        if event.choices[0].delta.content:
            break
    received = await standin.next_request()
    assert received.outcome is Outcome.RUNNING
    await stream.close()

    assert await received.ended() is Outcome.DISCONNECTED
    assert received.words_sent == 1
    await standin.all_closed()


@pytest.mark.parametrize("kind", [FaultKind.HANG, FaultKind.HANG_HEADERS, FaultKind.HANG_DURING])
async def test_silence_ends_at_the_clients_timeout(
    standin: OpenAIStandIn, client: AsyncOpenAI, kind: FaultKind
) -> None:
    standin.script = Script(fault=Fault(kind=kind, after=1))
    with pytest.raises(openai.APITimeoutError):
        await streamed(client.with_options(timeout=0.1))
