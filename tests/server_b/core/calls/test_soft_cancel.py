"""Cancel ends a call well, at any moment, with the text so far and its cost."""

import asyncio

import pytest

from llm_relay.messages import (
    Accuracy,
    Delta,
    FinishReason,
    Usage,
)
from server_b.core.calls.call_key import Delivery
from server_b.providers.base import Text
from tests.support.relayed import HI, last, stream, streamed, text, whole
from tests.support.scripted import HELLO, OPENING, End, ScriptedProvider, away
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio


async def test_cancel_during_a_stream_ends_it_well_with_the_text_so_far() -> None:
    provider = ScriptedProvider([OPENING, Text("Hel"), asyncio.Event()])
    relay = create_relay(provider)
    events = []
    async for event in stream(relay):
        events.append(event)
        if isinstance(event, Delta):
            assert relay.cancel("id-1", caller="alice")
    assert text(events) == "Hel"
    assert last(events).finish_reason is FinishReason.CANCELLED
    assert last(events).sequence == 3
    assert last(events).usage.accuracy is Accuracy.ESTIMATED
    assert provider.tries[0].end is End.ABORTED


async def test_cancel_before_the_first_event_still_gives_a_start_and_a_finish() -> None:
    provider = ScriptedProvider([asyncio.Event()])
    relay = create_relay(provider)
    reading = asyncio.create_task(streamed(relay))
    await provider.until_waiting()
    assert relay.cancel("id-1", caller="alice")
    events = await reading
    assert [(type(event).__name__, event.sequence) for event in events] == [("Started", 1), ("Finished", 2)]
    assert last(events).usage == Usage(accuracy=Accuracy.UNKNOWN)
    assert provider.tries[0].end is End.ABORTED


async def test_cancel_of_a_whole_answer_ends_it_well() -> None:
    provider = ScriptedProvider([asyncio.Event()])
    relay = create_relay(provider)
    asking = asyncio.create_task(whole(relay))
    await provider.until_waiting()
    assert relay.cancel("id-1", caller="alice")
    answer = await asking
    assert (answer.text, answer.finished.finish_reason) == ("", FinishReason.CANCELLED)
    assert provider.tries[0].end is End.ABORTED


@pytest.mark.parametrize("delivery", list(Delivery))
async def test_cancel_between_admission_and_the_provider_call_spares_the_provider(delivery: Delivery) -> None:
    provider = ScriptedProvider()
    relay = create_relay(provider)
    async with relay.admit(HI, caller="alice", delivery=delivery) as reader:
        assert relay.cancel("id-1", caller="alice")
        if delivery is Delivery.STREAM:
            finished = last([event async for event in reader.events()])
        else:
            finished = (await reader.answer()).finished
    assert finished.finish_reason is FinishReason.CANCELLED
    assert finished.usage == Usage(input_tokens=0, output_tokens=0, accuracy=Accuracy.EXACT)
    assert provider.tries == []


async def test_cancel_between_two_attempts_ends_the_call() -> None:
    provider = ScriptedProvider([away(retry_after_s=30)], HELLO)
    relay = create_relay(provider)
    asking = asyncio.create_task(whole(relay))
    await provider.until_ended()
    assert relay.cancel("id-1", caller="alice")
    assert (await asking).finished.finish_reason is FinishReason.CANCELLED
    assert len(provider.tries) == 1


async def test_cancel_again_or_after_the_end_finds_no_other_call() -> None:
    provider = ScriptedProvider([asyncio.Event()])
    relay = create_relay(provider)
    asking = asyncio.create_task(whole(relay))
    await provider.until_waiting()
    assert relay.cancel("id-1", caller="alice")
    await asking
    assert not relay.cancel("id-1", caller="alice")
    assert not relay.cancel("id-2", caller="alice")


async def test_another_callers_call_cannot_be_cancelled() -> None:
    provider = ScriptedProvider([asyncio.Event()])
    relay = create_relay(provider)
    asking = asyncio.create_task(whole(relay))
    await provider.until_waiting()
    assert not relay.cancel("id-1", caller="bob")
    assert provider.running == 1
    assert relay.cancel("id-1", caller="alice")
    await asking


async def test_cancel_stops_both_calls_of_an_id_whole_and_streamed() -> None:
    provider = ScriptedProvider([asyncio.Event()])
    relay = create_relay(provider)
    calls = asyncio.gather(whole(relay), streamed(relay))
    await provider.until_waiting(2)
    assert relay.cancel("id-1", caller="alice")
    answer, events = await calls
    assert answer.finished.finish_reason is last(events).finish_reason is FinishReason.CANCELLED


async def test_a_cancelled_answer_is_not_kept() -> None:
    provider = ScriptedProvider([asyncio.Event()], HELLO)
    relay = create_relay(provider)
    asking = asyncio.create_task(whole(relay))
    await provider.until_waiting()
    relay.cancel("id-1", caller="alice")
    await asking
    assert (await whole(relay)).text == "Hello"
