"""A call and its readers: text that gathers is sent together, and no more gathers than a reader may leave unread."""

import asyncio

import pytest

from llm_relay.errors import DeadlineExceeded, Draining, ProviderProtocol
from llm_relay.messages import Accuracy, Cost, Delta, Usage
from server_b.core.calls.call import MAX_ANSWER_BYTES, READ_AHEAD_BYTES, READ_AHEAD_TOKENS
from server_b.core.calls.call_key import Delivery
from server_b.core.limits import Limits, Patience
from server_b.providers.base import Text
from tests.support.relayed import HI, a_few_turns, stream, text
from tests.support.scripted import ENDING, HELLO, OPENING, PATIENCE_S, End, ScriptedProvider
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio

PIECE = "x" * (READ_AHEAD_BYTES // 4)


async def test_text_that_gathers_for_a_slow_reader_is_one_delta_with_the_last_number() -> None:
    gate = asyncio.Event()
    provider = ScriptedProvider([OPENING, Text("a"), Text("b", 2), Text("c"), gate, ENDING])
    events = stream(create_relay(provider))
    await anext(events)
    await provider.until_waiting()
    assert await anext(events) == Delta(text="abc", sequence=5)
    gate.set()
    assert [event.sequence async for event in events] == [6]


async def test_text_before_a_failure_is_still_read() -> None:
    provider = ScriptedProvider([OPENING, Text("a"), Text("b"), ProviderProtocol()])
    events = stream(create_relay(provider))
    await anext(events)
    await provider.until_ended()
    await a_few_turns()
    assert text([await anext(events)]) == "ab"
    with pytest.raises(ProviderProtocol):
        await anext(events)


async def test_the_provider_waits_for_a_reader_who_reads_nothing() -> None:
    provider = ScriptedProvider([OPENING, *[Text(PIECE)] * 20, ENDING])
    events = stream(create_relay(provider))
    await anext(events)
    await a_few_turns()
    assert provider.tries[0].given == 4
    assert provider.tries[0].end is End.RUNNING
    assert len(text([event async for event in events])) == 20 * len(PIECE)


async def test_a_reader_who_reads_nothing_holds_few_tokens_back() -> None:
    provider = ScriptedProvider([OPENING, *[Text("token ")] * 5_000, ENDING])
    events = stream(create_relay(provider))
    await anext(events)
    for _ in range(100):
        await a_few_turns()
    assert provider.tries[0].given == READ_AHEAD_TOKENS + 1
    assert len(text([event async for event in events])) == 5_000 * len("token ")


async def test_tokens_that_arrive_together_are_counted_one_by_one() -> None:
    together = 50
    provider = ScriptedProvider([OPENING, *[Text("a" * together, together)] * 100, ENDING])
    events = stream(create_relay(provider))
    await anext(events)
    for _ in range(100):
        await a_few_turns()
    assert provider.tries[0].given == READ_AHEAD_TOKENS // together + 1
    assert len(text([event async for event in events])) == 100 * together


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


async def test_a_slow_reader_is_not_mistaken_for_a_silent_provider() -> None:
    provider = ScriptedProvider([OPENING, *[Text(PIECE)] * 20, ENDING])
    relay = create_relay(provider, limits=Limits(patience=Patience(token_gap_s=0.02)))
    events = stream(relay)
    await anext(events)
    much_later = asyncio.Event()
    asyncio.get_running_loop().call_later(0.06, much_later.set)
    await much_later.wait()
    assert len(text([event async for event in events])) == 20 * len(PIECE)


async def test_an_endless_answer_does_not_gather_without_limit() -> None:
    pieces = [Text("x" * (MAX_ANSWER_BYTES // 4))] * 5
    events = stream(create_relay(ScriptedProvider([OPENING, *pieces, ENDING])))
    with pytest.raises(ProviderProtocol, match="longer than 16 MiB"):
        async for _ in events:
            pass


@pytest.mark.parametrize("delivery", list(Delivery))
async def test_a_call_that_is_stopped_before_it_began_fails_without_reaching_the_provider(delivery: Delivery) -> None:
    relay = create_relay(provider := ScriptedProvider())
    async with relay.admit(HI, caller="alice", delivery=delivery) as reader:
        relay.drain()
        assert not await relay.wait_idle(0)
        reading = reader.answer() if delivery is Delivery.WHOLE else anext(reader.events())
        with pytest.raises(Draining) as failed:
            await reading
    assert provider.tries == []
    assert failed.value.spent is not None
    assert failed.value.spent.usage == Usage(input_tokens=0, output_tokens=0, accuracy=Accuracy.EXACT)
    assert not failed.value.may_have_worked
    assert await relay.wait_idle(PATIENCE_S)


@pytest.mark.parametrize("first", ["patient", "hurried"])
async def test_each_reader_has_its_own_deadline(first: str) -> None:
    gate = asyncio.Event()
    relay = create_relay(provider := ScriptedProvider([OPENING, Text("Hel"), gate, Text("lo"), ENDING]))
    deadlines = {"patient": PATIENCE_S, "hurried": 0.05}
    order = [first, *(deadlines.keys() - {first})]
    asking = {name: asyncio.create_task(relay.process(HI, caller="alice", timeout_s=deadlines[name])) for name in order}
    with pytest.raises(DeadlineExceeded) as late:
        await asking["hurried"]
    assert late.value.request_id == "id-1"
    assert late.value.spent is not None
    assert (late.value.spent.usage, late.value.spent.cost) == (Usage(), Cost())  # the ledger gets them at the end
    assert "not known yet" in str(late.value)
    assert provider.running == 1
    gate.set()
    assert (await asking["patient"]).text == "Hello"
    assert len(provider.tries) == 1


async def test_a_reader_with_a_later_deadline_extends_the_call() -> None:
    slow = asyncio.Event()
    relay = create_relay(provider := ScriptedProvider([slow, *HELLO]))
    hurried = asyncio.create_task(relay.process(HI, caller="alice", timeout_s=0.05))
    await provider.until_waiting()
    patient = asyncio.create_task(relay.process(HI, caller="alice", timeout_s=PATIENCE_S))
    with pytest.raises(DeadlineExceeded):
        await hurried
    slow.set()
    assert (await patient).text == "Hello"
