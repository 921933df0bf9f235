"""OpenAI's SDK when calls fail: it repeats only what costs nothing twice, and a client that leaves stops the call."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from gateway.streaming import Pings
from llm_relay.errors import ProviderProtocol, ProviderRateLimited, ProviderUnavailable, RelayError
from server_b.providers.base import Text
from tests.gateway.openai.test_sdk import HELLO, MODEL
from tests.support.chains import ONCE
from tests.support.gateways import gateway
from tests.support.scripted import HELLO as ANSWERED
from tests.support.scripted import OPENING, End, ScriptedProvider
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

BUSY = ProviderRateLimited(retry_after_s=0.01)


@contextlib.asynccontextmanager
async def client_of(
    provider: ScriptedProvider, *, pings: Pings | None = None, **options: Any
) -> AsyncIterator[AsyncOpenAI]:
    """Opens the SDK's client in front of this provider and a Server B that does not retry."""
    async with (
        serving(provider, limits=ONCE) as server_b,
        gateway(server_b.target, pings=pings) as http,
        AsyncOpenAI(base_url=f"{http.base_url}/v1", api_key="none", **options) as client,
    ):
        yield client


def chat(client: AsyncOpenAI, **members: Any) -> Coroutine[Any, Any, Any]:
    return client.chat.completions.create(model=MODEL, messages=HELLO, **members)


def response(client: AsyncOpenAI, **members: Any) -> Coroutine[Any, Any, Any]:
    return client.responses.create(model=MODEL, input="Hello", **members)


every_way = pytest.mark.parametrize("ask", [chat, response])
whole_or_streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@every_way
@whole_or_streamed
async def test_a_transient_refusal_is_retried(ask: Any, stream: bool) -> None:
    provider = ScriptedProvider([BUSY], ANSWERED)
    async with client_of(provider, max_retries=2) as client:
        answer = await ask(client, stream=stream)
        if stream:
            assert [event async for event in answer]
    assert [one.end for one in provider.tries] == [End.FAILED, End.WHOLE]


@every_way
@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ProviderUnavailable(may_have_worked=True), openai.InternalServerError),
        (ProviderProtocol(), openai.InternalServerError),
        (ProviderRateLimited(may_have_worked=True), openai.RateLimitError),
    ],
    ids=lambda error: getattr(error, "reason", ""),
)
async def test_a_call_that_may_have_cost_money_is_not_retried(
    ask: Any, error: RelayError, raised: type[openai.APIStatusError]
) -> None:
    provider = ScriptedProvider([error])
    async with client_of(provider, max_retries=2) as client:
        with pytest.raises(raised):
            await ask(client)
    assert len(provider.tries) == 1


@every_way
@whole_or_streamed
async def test_a_client_that_gives_up_for_good_stops_the_provider(ask: Any, stream: bool) -> None:
    provider = ScriptedProvider((OPENING, Text("Hi"), asyncio.Event()))
    async with client_of(provider, max_retries=0) as client:
        asking = asyncio.create_task(_all(ask(client, stream=stream, timeout=30)))
        await provider.until_waiting()
        asking.cancel()
        assert await provider.until_ended() is End.ABORTED
        with pytest.raises(asyncio.CancelledError):
            await asking


@every_way
@whole_or_streamed
async def test_the_deadline_header_limits_the_call(ask: Any, stream: bool) -> None:
    provider = ScriptedProvider((asyncio.Event(),))
    async with client_of(provider, max_retries=0) as client:
        with pytest.raises(openai.InternalServerError) as raised:
            await ask(
                client, stream=stream, extra_headers={"X-Request-Timeout": "2"}
            )  # long enough to reach the provider
        assert await provider.until_ended() is End.ABORTED
    assert (raised.value.status_code, raised.value.code) == (504, "DEADLINE_EXCEEDED")


async def _all(asking: Coroutine[Any, Any, Any]) -> None:
    answer = await asking
    async for _ in answer:
        pass


def setting_at(request: int, event: asyncio.Event) -> openai.DefaultAsyncHttpxClient:
    """Makes an HTTP client for the SDK that sets an event when it sends its request with this number, from 1."""
    numbers = itertools.count(1)

    async def count(_: object) -> None:
        if next(numbers) == request:
            event.set()

    return openai.DefaultAsyncHttpxClient(event_hooks={"request": [count]})


async def test_a_client_that_times_out_and_repeats_gets_the_answer_of_its_first_call() -> None:
    ready = asyncio.Event()
    provider = ScriptedProvider((OPENING, Text("Hello"), ready, *ANSWERED[-1:]))
    async with client_of(provider, max_retries=3, timeout=0.5, http_client=setting_at(3, ready)) as client:
        answer = await chat(client)
    assert answer.choices[0].message.content == "Hello"
    assert len(provider.tries) == 1


async def test_a_ping_does_not_begin_the_answer_of_a_client_that_is_about_to_time_out() -> None:
    ready = asyncio.Event()
    provider = ScriptedProvider((ready, *ANSWERED))
    pings = Pings(first_s=0.3, next_s=60)
    http_client = setting_at(2, ready)
    async with client_of(provider, pings=pings, max_retries=3, timeout=0.6, http_client=http_client) as client:
        answer = await chat(client, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in answer])
    assert text == "Hello"
    assert len(provider.tries) == 1
