"""A caller who leaves, at any moment, ends the provider call."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from llm_relay.messages import Delta, Prompt, Started
from server_b.core.calls.call_key import Delivery
from server_b.providers.base import Piece, Text
from tests.support.logged import logged_facts
from tests.support.relayed import HI, stream, streamed, text, whole
from tests.support.scripted import HELLO, OPENING, PATIENCE_S, End, ScriptedProvider
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio


async def test_a_caller_who_leaves_before_the_first_event_aborts_the_provider() -> None:
    provider = ScriptedProvider([asyncio.Event()])
    reading = asyncio.create_task(streamed(create_relay(provider)))
    await provider.until_waiting()
    reading.cancel()
    assert await provider.until_ended() is End.ABORTED


async def test_a_caller_who_leaves_during_the_stream_aborts_the_provider() -> None:
    provider = ScriptedProvider([OPENING, Text("Hel"), asyncio.Event()])
    async with aclosing(stream(create_relay(provider))) as events:
        async for event in events:
            if isinstance(event, Delta):
                break
    assert await provider.until_ended() is End.ABORTED


async def test_a_caller_who_leaves_a_whole_answer_aborts_the_provider() -> None:
    provider = ScriptedProvider([asyncio.Event()])
    asking = asyncio.create_task(whole(create_relay(provider)))
    await provider.until_waiting()
    asking.cancel()
    assert await provider.until_ended() is End.ABORTED


async def test_a_caller_who_leaves_between_admission_and_the_provider_call_leaves_nothing() -> None:
    provider = ScriptedProvider()
    relay = create_relay(provider)
    async with relay.admit(HI, caller="alice", delivery=Delivery.WHOLE):
        assert not relay.cancel("id-2", caller="alice")
    assert not relay.cancel("id-1", caller="alice")
    assert await relay.wait_idle(PATIENCE_S)
    assert provider.tries == []


async def test_the_caller_who_left_gets_nothing_and_the_usage_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    provider = ScriptedProvider([OPENING, Text("Hello"), asyncio.Event()])
    relay = create_relay(provider)
    reading = asyncio.create_task(streamed(relay))
    await provider.until_waiting()
    reading.cancel()
    assert await relay.wait_idle(PATIENCE_S)
    (facts,) = logged_facts(caplog, "relay.calls")
    assert facts["outcome"] == "CANCELLED"
    assert facts["accuracy"] == "estimated"


async def test_a_call_after_leaving_runs_again() -> None:
    provider = ScriptedProvider([OPENING, Text("Hel"), asyncio.Event()], HELLO)
    relay = create_relay(provider)
    async with aclosing(stream(relay)) as events:
        assert isinstance(await anext(events), Started)
    # The first call is still being aborted.
    assert text(await streamed(relay)) == "Hello"
    assert [one.end for one in provider.tries] == [End.ABORTED, End.WHOLE]
    assert await relay.wait_idle(PATIENCE_S)


class SlowToClose(ScriptedProvider):
    """Hangs, and is slow to close the connection."""

    def __init__(self) -> None:
        super().__init__([asyncio.Event()])
        self.may_close = asyncio.Event()
        self.has_closed = False

    async def stream(self, prompt: Prompt, *, whole: bool = False) -> AsyncGenerator[Piece, None]:
        async with aclosing(super().stream(prompt, whole=whole)) as pieces:
            try:
                async for piece in pieces:
                    yield piece
            finally:
                await self.may_close.wait()
                self.has_closed = True


async def test_leaving_a_call_that_is_being_aborted_does_not_interrupt_its_closing() -> None:
    provider = SlowToClose()
    relay = create_relay(provider)
    reading = asyncio.create_task(streamed(relay))
    await provider.until_waiting()
    assert not await relay.wait_idle(0)
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait([reading])
    provider.may_close.set()
    assert await relay.wait_idle(PATIENCE_S)
    assert provider.has_closed
