"""A limit on concurrent calls, and no new calls once the server stops."""

import asyncio
from contextlib import aclosing

import pytest

from llm_relay.errors import (
    Draining,
    Overloaded,
    ProviderAuth,
)
from llm_relay.messages import (
    Prompt,
)
from server_b.core.limits import Limits
from server_b.core.relay import Relay
from server_b.providers.base import Text
from tests.support.relayed import a_few_turns, stream, streamed, text, whole
from tests.support.scripted import ENDING, HELLO, OPENING, PATIENCE_S, End, ScriptedProvider, Step
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio


async def test_calls_over_the_limit_are_overloaded_with_a_time_to_retry() -> None:
    gate = asyncio.Event()
    relay = create_relay(provider := ScriptedProvider([gate, *HELLO]), limits=Limits(concurrent_calls=2))
    running = [asyncio.create_task(whole(relay, Prompt(message="Hi"))) for _ in range(2)]
    await provider.until_waiting(2)
    with pytest.raises(Overloaded) as refused:
        await whole(relay, Prompt(message="Hi"))
    assert refused.value.retry_after_s == 1
    assert refused.value.request_id
    gate.set()
    await asyncio.gather(*running)
    assert (await whole(relay, Prompt(message="Hi"))).text == "Hello"
    assert provider.most_at_once == 2


@pytest.mark.parametrize("held", ["prompts", "answers"])
async def test_calls_that_hold_too_much_text_are_overloaded_until_others_end(held: str) -> None:
    large = "x" * 10_000
    script: list[Step] = [asyncio.Event()] if held == "prompts" else [OPENING, Text(large), asyncio.Event()]
    provider = ScriptedProvider(script, script, HELLO)
    relay = create_relay(provider, limits=Limits(running_bytes=29_000))
    message = large if held == "prompts" else "Hi"
    running = [asyncio.create_task(streamed(relay, Prompt(message=message))) for _ in range(2)]
    await provider.until_waiting(2)
    async with asyncio.timeout(PATIENCE_S):  # an answer is counted a moment after it arrived
        while not await is_overloaded(relay):
            pass
    for task in running:
        task.cancel()
    await asyncio.wait(running)
    assert not await is_overloaded(relay)


async def is_overloaded(relay: Relay) -> bool:
    """Makes a call; returns whether it was refused as overloaded."""
    try:
        await whole(relay, Prompt(message="Hi"))
    except Overloaded:
        return True
    return False


async def test_joining_is_not_limited() -> None:
    gate = asyncio.Event()
    relay = create_relay(provider := ScriptedProvider([gate, *HELLO]), limits=Limits(concurrent_calls=1))
    running = [asyncio.create_task(whole(relay)) for _ in range(3)]
    await provider.until_waiting()
    gate.set()
    assert {answer.text for answer in await asyncio.gather(*running)} == {"Hello"}


@pytest.mark.parametrize("ending", ["whole", "failed", "cancelled", "left"])
async def test_every_ending_makes_room_for_another_call(ending: str) -> None:
    failing = [asyncio.Event()] if ending != "failed" else [ProviderAuth()]
    provider = ScriptedProvider(HELLO if ending == "whole" else failing, HELLO)
    relay = create_relay(provider, limits=Limits(concurrent_calls=1))
    asking = asyncio.create_task(whole(relay))
    if ending in ("cancelled", "left"):
        await provider.until_waiting()
    if ending == "cancelled":
        relay.cancel("id-1", caller="alice")
    if ending == "left":
        asking.cancel()
    await asyncio.wait([asking])
    assert await relay.wait_idle(PATIENCE_S)
    if ending == "failed":
        assert isinstance(asking.exception(), ProviderAuth)
    assert (await whole(relay, Prompt(message="Hi"))).text == "Hello"


async def test_draining_refuses_new_calls_and_lets_running_ones_end() -> None:
    gate = asyncio.Event()
    relay = create_relay(provider := ScriptedProvider([OPENING, gate, Text("Hi"), ENDING]))
    running = asyncio.create_task(streamed(relay))
    await provider.until_waiting()
    relay.drain()
    with pytest.raises(Draining):
        await whole(relay, Prompt(message="Hi"))
    idle = asyncio.create_task(relay.wait_idle(PATIENCE_S))
    gate.set()
    assert text(await running) == "Hi"
    assert await idle


async def test_calls_left_after_the_grace_end_with_an_error_that_the_server_stops() -> None:
    relay = create_relay(provider := ScriptedProvider([OPENING, Text("Hi"), asyncio.Event()]))
    running = asyncio.create_task(streamed(relay))
    await provider.until_waiting()
    relay.drain()
    assert not await relay.wait_idle(0)
    with pytest.raises(Draining) as failed:
        await running
    assert failed.value.spent is not None
    assert provider.tries[0].end is End.ABORTED


async def test_a_relay_is_idle_only_when_the_last_reader_has_read_to_the_end() -> None:
    relay = create_relay(ScriptedProvider())
    async with aclosing(stream(relay)) as events:
        await anext(events)
        await a_few_turns()
        assert relay.status().calls_processed == 1
        assert not await relay.wait_idle(0)
        assert [type(event).__name__ async for event in events] == ["Delta", "Finished"]
    assert await relay.wait_idle(0)
