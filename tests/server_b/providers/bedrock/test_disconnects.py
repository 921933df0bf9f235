"""An abandoned call to Bedrock ends at once with its connection; other calls go on."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator

import pytest

from llm_relay.errors import ProviderRejected, RelayError
from llm_relay.messages import Prompt
from server_b.providers.base import Ending, Text
from server_b.providers.bedrock.provider import BedrockProvider
from tests.standins import BedrockStandIn, Fault, FaultKind, Outcome, Script
from tests.support.bedrock_provider import PROMPT, SONNET, TIME_LIMIT_S, bedrock, pieces_of
from tests.support.whole_answers import whole_answer

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


@pytest.mark.parametrize("kind", [FaultKind.HANG, FaultKind.HANG_HEADERS, FaultKind.HANG_DURING])
@pytest.mark.parametrize("model", [SONNET, "whole-only"])
async def test_a_cancelled_call_closes_its_connection(
    standin: BedrockStandIn, provider: BedrockProvider, kind: FaultKind, model: str
) -> None:
    standin.script = Script(fault=Fault(kind=kind, after=2, times=1))
    task = asyncio.create_task(pieces_of(provider, Prompt(message="Hi", model=model)))
    request = await standin.next_request()
    if model == "whole-only":  # the first was refused
        request = await standin.next_request()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await request.ended() is Outcome.DISCONNECTED
    assert (await whole_answer(provider, PROMPT)).text == "Hello, wörld!"


async def test_a_stream_that_is_closed_between_tokens_closes_its_connection(
    standin: BedrockStandIn, provider: BedrockProvider
) -> None:
    standin.script = Script(words=("word ",) * 20_000)
    async with asyncio.timeout(TIME_LIMIT_S), contextlib.aclosing(provider.stream(PROMPT)) as stream:
        async for piece in stream:
            if isinstance(piece, Text):
                break
    assert await (await standin.next_request()).ended() is Outcome.DISCONNECTED


async def test_a_reader_that_reads_nothing_slows_bedrock_down(
    standin: BedrockStandIn, provider: BedrockProvider
) -> None:
    words = ("word " * 50,) * 20_000
    standin.script = Script(words=words)
    async with asyncio.timeout(TIME_LIMIT_S), contextlib.aclosing(provider.stream(PROMPT)) as stream:
        while not isinstance(await anext(stream), Text):
            pass
        request = await standin.next_request()
        sent = -1
        while sent != request.words_sent:
            sent = request.words_sent
            for _ in range(100):  # both ends are on this loop: in each pass the other one writes if its data is read
                await asyncio.sleep(0)
    assert sent < len(words)


async def test_hanging_calls_delay_no_other_and_use_no_threads(
    standin: BedrockStandIn, provider: BedrockProvider
) -> None:
    standin.scripts[SONNET] = Script(fault=Fault(kind=FaultKind.HANG))
    threads = threading.active_count()
    hanging = [asyncio.create_task(whole_answer(provider, PROMPT)) for _ in range(40)]
    for _ in hanging:
        await standin.next_request()
    assert threading.active_count() == threads
    async with asyncio.timeout(TIME_LIMIT_S):
        await whole_answer(provider, Prompt(message="Hi", model="haiku"))
    assert not any(task.done() for task in hanging)
    for task in hanging:
        task.cancel()
    await asyncio.wait(hanging)


async def test_consecutive_calls_share_a_connection(standin: BedrockStandIn, provider: BedrockProvider) -> None:
    await whole_answer(provider, PROMPT)
    await pieces_of(provider)
    standin.scripts["gone"] = Script(fault=Fault(kind=FaultKind.STATUS, code="ValidationException"))
    with pytest.raises(ProviderRejected):
        await pieces_of(provider, Prompt(message="Hi", model="gone"))
    await whole_answer(provider, Prompt(message="Hi", model="whole-only"))
    await whole_answer(provider, PROMPT)
    assert standin.open_connections == 1


async def test_closing_the_provider_ends_its_calls_and_its_connections(standin: BedrockStandIn) -> None:
    provider = bedrock(standin.url)
    standin.script = Script(fault=Fault(kind=FaultKind.HANG_DURING, after=2))
    asked = [asyncio.create_task(pieces_of(provider)) for _ in range(2)]
    requests = [await standin.next_request() for _ in asked]
    await provider.close()
    assert [await request.ended() for request in requests] == [Outcome.DISCONNECTED] * 2
    errors = await asyncio.gather(*asked, return_exceptions=True)
    assert [error for error in errors if not isinstance(error, RelayError)] == []
    await standin.all_closed()


@pytest.mark.parametrize("kind", [FaultKind.HANG_AFTER_END, FaultKind.CUT_AFTER_END])
async def test_an_answer_that_has_ended_does_not_wait_for_usage_that_never_comes(
    standin: BedrockStandIn, provider: BedrockProvider, kind: FaultKind
) -> None:
    standin.script = Script(fault=Fault(kind=kind))
    ending = (await pieces_of(provider))[-1]
    assert isinstance(ending, Ending)
    assert ending.usage is None
    assert (await standin.next_request()).outcome is not Outcome.DONE
    await standin.all_closed()
