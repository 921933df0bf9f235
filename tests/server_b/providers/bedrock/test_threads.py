"""Bedrock's calls block threads, never the event loop, and end with their connections when nobody waits any more."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Generator

import pytest

from llm_relay.errors import ProviderRejected, ProviderUnavailable, RelayError
from llm_relay.messages import Prompt
from server_b.providers.base import Text
from server_b.providers.bedrock.provider import BedrockProvider
from server_b.providers.bedrock.threads import MAX_AHEAD, Threads
from tests.standins import BedrockStandIn, Fault, FaultKind, Outcome, Script
from tests.support.asking_bedrock import PROMPT, SONNET, TIME_LIMIT_S, bedrock, pieces_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def standin() -> AsyncIterator[BedrockStandIn]:
    async with BedrockStandIn() as standin:
        yield standin


@pytest.fixture
async def provider(standin: BedrockStandIn) -> AsyncIterator[BedrockProvider]:
    provider = bedrock(standin.url)
    yield provider
    await provider.close()


@pytest.mark.parametrize("kind", [FaultKind.HANG, FaultKind.HANG_HEADERS, FaultKind.HANG_AMID])
@pytest.mark.parametrize("ask", [BedrockProvider.complete, pieces_of])
async def test_a_cancelled_call_closes_its_connection_and_frees_its_thread(
    standin: BedrockStandIn, kind: FaultKind, ask: object
) -> None:
    provider = bedrock(standin.url, concurrency=1)
    standin.script = Script(fault=Fault(kind=kind, after=2, times=1))
    task = asyncio.create_task(ask(provider, PROMPT))  # type: ignore[operator]
    request = await standin.next_request()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await request.ended() is Outcome.DISCONNECTED
    assert (await provider.complete(PROMPT)).text == "Hello, wörld!"
    await provider.close()


async def test_a_stream_that_is_closed_between_words_closes_its_connection(
    standin: BedrockStandIn, provider: BedrockProvider
) -> None:
    standin.script = Script(words=("word ",) * 20_000)
    async with asyncio.timeout(TIME_LIMIT_S), contextlib.aclosing(provider.stream(PROMPT)) as stream:
        async for piece in stream:
            if isinstance(piece, Text):
                break
    assert await (await standin.next_request()).ended() is Outcome.DISCONNECTED


async def test_a_call_that_is_cancelled_while_it_waits_for_a_thread_never_reaches_bedrock(
    standin: BedrockStandIn,
) -> None:
    provider = bedrock(standin.url, concurrency=1)
    standin.script = Script(fault=Fault(kind=FaultKind.HANG, times=1))
    hanging = asyncio.create_task(provider.complete(PROMPT))
    await standin.next_request()
    waiting = [asyncio.create_task(provider.complete(PROMPT)), asyncio.create_task(pieces_of(provider))]
    await asyncio.sleep(0)
    for task in (*waiting, hanging):
        task.cancel()
    await asyncio.wait((*waiting, hanging))
    await provider.complete(PROMPT)
    assert len(standin.requests) == 2
    await provider.close()


async def test_calls_that_hang_hinder_no_other(standin: BedrockStandIn, provider: BedrockProvider) -> None:
    standin.scripts[SONNET] = Script(fault=Fault(kind=FaultKind.HANG))
    hanging = [asyncio.create_task(provider.complete(PROMPT)) for _ in range(7)]
    for _ in hanging:
        await standin.next_request()
    async with asyncio.timeout(TIME_LIMIT_S):
        await provider.complete(Prompt(message="Hi", model="haiku"))
    assert not any(task.done() for task in hanging)
    for task in hanging:
        task.cancel()
    await asyncio.wait(hanging)


async def test_calls_one_after_another_share_a_connection(standin: BedrockStandIn, provider: BedrockProvider) -> None:
    await provider.complete(PROMPT)
    await pieces_of(provider)
    standin.scripts["gone"] = Script(fault=Fault(kind=FaultKind.STATUS, code="ValidationException"))
    with pytest.raises(ProviderRejected):
        await pieces_of(provider, Prompt(message="Hi", model="gone"))
    await provider.complete(PROMPT)
    assert standin.open_connections == 1


async def test_closing_the_provider_ends_its_calls_its_connections_and_its_threads(standin: BedrockStandIn) -> None:
    provider = bedrock(standin.url)
    standin.script = Script(fault=Fault(kind=FaultKind.HANG_AMID, after=2))
    asked = [asyncio.create_task(pieces_of(provider)), asyncio.create_task(provider.complete(PROMPT))]
    requests = [await standin.next_request() for _ in asked]
    await provider.close()
    assert [await request.ended() for request in requests] == [Outcome.DISCONNECTED] * 2
    errors = await asyncio.gather(*asked, return_exceptions=True)
    assert [error for error in errors if not isinstance(error, RelayError)] == []
    await standin.all_closed()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("bedrock")]


async def test_a_thread_runs_ahead_of_a_slow_reader_by_little() -> None:
    leads, taken = [], 0

    def source() -> Generator[int, None, None]:
        for made in range(1, 1001):
            yield MAX_AHEAD
            leads.append(made - taken)

    threads = Threads(1)
    async for items in threads.pour(source, size=lambda item: item):
        taken += len(items)
        await asyncio.sleep(0)
    await threads.close()
    assert taken == 1000
    assert max(leads) <= 2  # one that waits to be taken, one that is taken and not yet counted


async def test_closing_ends_a_thread_that_waits_for_a_reader() -> None:
    is_ahead = threading.Event()

    def source() -> Generator[int, None, None]:
        yield MAX_AHEAD
        yield MAX_AHEAD
        is_ahead.set()
        while True:
            yield MAX_AHEAD

    threads = Threads(1)
    items = threads.pour(source, size=lambda item: item)
    await anext(items)
    assert await asyncio.to_thread(is_ahead.wait, TIME_LIMIT_S)
    await threads.close()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("bedrock")]
    with pytest.raises(ProviderUnavailable):
        _ = [item async for item in items]


async def test_what_a_thread_raises_comes_after_what_it_made() -> None:
    def source() -> Generator[str, None, None]:
        yield "last"
        raise LookupError

    threads = Threads(1)
    items = threads.pour(source, size=len)
    assert await anext(items) == ["last"]
    with pytest.raises(LookupError):
        await anext(items)
    await threads.close()
