"""A call and its readers: what gathers is sent together, and no more gathers than a reader may leave unread."""

import asyncio

import pytest

from llm_relay.errors import ProviderProtocol
from llm_relay.messages import Delta
from server_b.core.call import MAX_ANSWER_CHARS, READ_AHEAD_CHARS, Call, Key, Kind
from server_b.core.relay import Limits
from server_b.core.retry import Patience
from server_b.providers.base import Text
from tests.support.relayed import FINISHED, HI, a_few_turns, stream, text
from tests.support.scripted import ENDING, OPENING, PATIENCE_S, End, ScriptedProvider
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio

PIECE = "x" * (READ_AHEAD_CHARS // 4)


async def test_what_gathers_while_a_reader_is_slow_is_one_delta_with_the_last_number() -> None:
    gate = asyncio.Event()
    provider = ScriptedProvider([OPENING, Text("a"), Text("b", 2), Text("c"), gate, ENDING])
    events = stream(create_relay(provider))
    await anext(events)
    await provider.until_waiting()
    assert await anext(events) == Delta(text="abc", sequence=5)
    gate.set()
    assert [event.sequence async for event in events] == [6]


async def test_what_came_before_a_failure_is_still_read() -> None:
    provider = ScriptedProvider([OPENING, Text("a"), Text("b"), ProviderProtocol()])
    events = stream(create_relay(provider))
    await anext(events)
    await provider.until_ended()
    await a_few_turns()
    assert text([await anext(events)]) == "ab"
    with pytest.raises(ProviderProtocol):
        await anext(events)


async def test_the_provider_waits_for_a_reader_who_takes_nothing() -> None:
    provider = ScriptedProvider([OPENING, *[Text(PIECE)] * 20, ENDING])
    events = stream(create_relay(provider))
    await anext(events)
    await a_few_turns()
    assert provider.tries[0].given == 5
    assert provider.tries[0].end is End.RUNNING
    assert len(text([event async for event in events])) == 20 * len(PIECE)


async def test_the_provider_waits_for_the_fastest_reader_only() -> None:
    provider = ScriptedProvider([OPENING, *[Text(PIECE)] * 20, ENDING])
    relay = create_relay(provider)
    slow, fast = stream(relay), stream(relay)
    await anext(slow)
    assert len(text([event async for event in fast])) == 20 * len(PIECE)
    assert len(text([event async for event in slow])) == 20 * len(PIECE)


async def test_a_whole_answer_is_never_too_long_to_gather() -> None:
    provider = ScriptedProvider([OPENING, *[Text(PIECE)] * 20, ENDING])
    assert len((await create_relay(provider).process(HI, caller="alice")).text) == 20 * len(PIECE)


async def test_a_slow_reader_is_not_taken_for_a_silent_provider() -> None:
    provider = ScriptedProvider([OPENING, *[Text(PIECE)] * 20, ENDING])
    relay = create_relay(provider, limits=Limits(patience=Patience(token_gap_s=0.02)))
    events = stream(relay)
    await anext(events)
    much_later = asyncio.Event()
    asyncio.get_running_loop().call_later(0.06, much_later.set)
    await much_later.wait()
    assert len(text([event async for event in events])) == 20 * len(PIECE)


async def test_leaving_between_the_end_and_its_settlement_is_not_leaving_before_the_beginning() -> None:
    settled = asyncio.Event()
    call = Call(Key("alice", "id-1", Kind.WHOLE), HI, "scripted")
    call.join(asyncio.get_running_loop().time() + PATIENCE_S)

    async def ask() -> None:
        return

    call.begin(ask, lambda _: settled.set())
    await asyncio.sleep(0)
    assert not settled.is_set()
    assert not call.leave()
    async with asyncio.timeout(PATIENCE_S):
        await settled.wait()


async def test_leaving_before_the_beginning_is_told() -> None:
    call = Call(Key("alice", "id-1", Kind.WHOLE), HI, "scripted")
    call.join(asyncio.get_running_loop().time() + PATIENCE_S)
    call.join(asyncio.get_running_loop().time() + PATIENCE_S)
    assert not call.leave()
    assert call.leave()


async def test_an_answer_without_end_is_not_gathered_without_end() -> None:
    pieces = [Text("x" * (MAX_ANSWER_CHARS // 4))] * 5
    events = stream(create_relay(ScriptedProvider([OPENING, *pieces, ENDING])))
    with pytest.raises(ProviderProtocol, match="longer than"):
        async for _ in events:
            pass


async def test_an_answer_without_text_that_followed_a_failure_is_kept_without_a_delta() -> None:
    call = Call(Key("ann", "r-1", Kind.STREAM), HI, "a,b")
    call.note_failure("a", ProviderProtocol())
    call.start("model", "b")
    call.finish(FINISHED)
    kept = call.kept()
    assert kept is not None
    again = Call.of_kept(call.key, kept)
    assert not again.failures
    assert [event async for event in again.events()] == [call.started, FINISHED]
