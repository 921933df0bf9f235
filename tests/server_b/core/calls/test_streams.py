"""A stream is one start, rising deltas and one finish."""

import asyncio

import pytest

from llm_relay.messages import (
    Prompt,
    Started,
)
from server_b.providers.base import Text
from tests.support.relayed import last, stream, streamed, text, whole
from tests.support.scripted import ENDING, MODEL, OPENING, ScriptedProvider
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio


async def test_a_stream_is_one_start_rising_deltas_and_one_finish() -> None:
    gate = asyncio.Event()
    provider = ScriptedProvider([OPENING, Text("a"), gate, Text("b", 3), Text("c"), ENDING])
    events = []
    async for event in stream(create_relay(provider)):
        events.append(event)
        gate.set()
    assert [(type(event).__name__, event.sequence) for event in events] == [
        ("Started", 1),
        ("Delta", 2),
        ("Delta", 6),
        ("Finished", 7),
    ]
    assert text(events) == "abc"


async def test_an_empty_answer_is_a_start_and_a_finish() -> None:
    events = await streamed(create_relay(ScriptedProvider([OPENING, ENDING])))
    assert [event.sequence for event in events] == [1, 2]


async def test_the_events_name_the_request_the_provider_and_its_model() -> None:
    events = await streamed(create_relay(ScriptedProvider()), Prompt(message="Hi", model="alias", request_id="id-1"))
    assert events[0] == Started(request_id="id-1", model=MODEL, provider="scripted")
    assert last(events).model == MODEL


async def test_a_request_without_an_id_gets_a_new_one() -> None:
    relay = create_relay(ScriptedProvider())
    first, second = await whole(relay, Prompt(message="Hi")), await whole(relay, Prompt(message="Hi"))
    assert first.request_id != second.request_id
