"""A client that times out and repeats its request pays for one call; a client that just leaves stops the call."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from llm_relay.announced_retry import ClientRetry
from llm_relay.errors import Draining, ProviderProtocol
from llm_relay.messages import Event, Prompt
from server_b.core.calls.call_key import Delivery
from server_b.core.limits import Limits
from server_b.core.relay import Relay
from server_b.providers.base import Text
from tests.support.held_time import HELD_TIME, HeldLoop, held_loop
from tests.support.observed import Observed
from tests.support.relayed import a_few_turns, text
from tests.support.scripted import ENDING, HELLO, OPENING, PATIENCE_S, End, ScriptedProvider, Step
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio

TIMEOUT_S = 1.5
GRACE_S = 10.0

both_deliveries = pytest.mark.parametrize("delivery", Delivery)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, type[HeldLoop]]]:
    return HELD_TIME


@pytest.fixture
async def loop() -> AsyncIterator[HeldLoop]:
    with held_loop().held():
        yield held_loop()


@dataclass(frozen=True)
class Asking:
    """A request as an SDK sends it."""

    request_id: str = "id-1"
    count: int = 0
    caller: str = "alice"
    digest: str = "a" * 64
    message: str = "Hi"
    delivery: Delivery = Delivery.STREAM
    deadline_s: float | None = None
    timeout_s: float | None = TIMEOUT_S

    def of(self, relay: Relay) -> asyncio.Task[list[Event]]:
        """Starts reading: all events of a stream, or only the end of a whole answer."""
        return asyncio.create_task(self._read(relay))

    async def _read(self, relay: Relay) -> list[Event]:
        admission = relay.admit(
            Prompt(message=self.message, request_id=self.request_id),
            caller=self.caller,
            delivery=self.delivery,
            timeout_s=self.deadline_s,
            client_retry=ClientRetry(self.digest, self.count, self.timeout_s),
        )
        async with admission as reader:
            if self.delivery is Delivery.STREAM:
                return [event async for event in reader.events()]
            return [(await reader.answer()).finished]


FIRST = Asking()
REPEAT = Asking(request_id="id-2", count=1)


async def leave(reading: asyncio.Task[list[Event]]) -> None:
    reading.cancel()
    await asyncio.wait([reading])
    await a_few_turns()


async def left(relay: Relay, provider: ScriptedProvider, loop: HeldLoop, asking: Asking = FIRST) -> None:
    """Makes a request that the provider does not answer in time, and leaves it at its timeout."""
    reading = asking.of(relay)
    await provider.until_waiting(len(provider.tries) + 1)
    loop.advance(TIMEOUT_S)
    await leave(reading)


def hanging(*steps: Step) -> tuple[ScriptedProvider, asyncio.Event]:
    """Makes a provider that waits for an event before its answer; a second attempt is answered with Hello."""
    gate = asyncio.Event()
    return ScriptedProvider([*steps, gate, Text("late"), ENDING], HELLO), gate


@both_deliveries
async def test_a_client_that_times_out_twice_with_a_slow_provider_pays_once(loop: HeldLoop, delivery: Delivery) -> None:
    gate = asyncio.Event()
    provider, observed = ScriptedProvider([gate, OPENING, Text("late"), ENDING]), Observed()
    relay = create_relay(provider, observers=[observed])
    asking = Asking(request_id="first", delivery=delivery)
    for count in range(2):
        reading = replace(asking, request_id=f"id-{count}", count=count).of(relay)
        await provider.until_waiting()
        await a_few_turns()
        loop.advance(TIMEOUT_S)
        await leave(reading)
    third = replace(asking, request_id="id-2", count=2).of(relay)
    await a_few_turns()
    gate.set()
    events = await third
    assert [one.end for one in provider.tries] == [End.WHOLE]
    assert [(one.outcome, one.key.request_id) for one in observed.shared] == [("joined", "id-0")] * 2
    assert [one.outcome for one in observed.calls] == ["stop"]
    assert delivery is Delivery.WHOLE or text(events) == "late"


@both_deliveries
@pytest.mark.parametrize(
    ("silence_s", "runs_on"), [(0.0, False), (1.125, False), (1.25, True), (1.5, True), (2.75, True), (2.875, False)]
)
async def test_a_call_continues_only_if_its_client_leaves_at_its_timeout(
    loop: HeldLoop, delivery: Delivery, silence_s: float, runs_on: bool
) -> None:
    provider, _ = hanging()
    relay = create_relay(provider)
    reading = Asking(delivery=delivery).of(relay)
    await provider.until_waiting()
    loop.advance(silence_s)
    await leave(reading)
    assert provider.tries[0].end is (End.RUNNING if runs_on else End.ABORTED)
    await relay.aclose()


@pytest.mark.parametrize(("since_event_s", "runs_on"), [(0.5, False), (TIMEOUT_S, True)])
async def test_silence_is_counted_from_the_last_event(loop: HeldLoop, since_event_s: float, runs_on: bool) -> None:
    first = asyncio.Event()
    provider = ScriptedProvider([OPENING, first, Text("Hel"), asyncio.Event()])
    relay = create_relay(provider)
    reading = FIRST.of(relay)
    await provider.until_waiting()
    loop.advance(1.0)
    first.set()
    await provider.until(lambda provider: provider.tries[0].given == 2)
    await a_few_turns()
    loop.advance(since_event_s)
    await leave(reading)
    assert provider.tries[0].end is (End.RUNNING if runs_on else End.ABORTED)
    await relay.aclose()


async def test_a_repeat_that_joins_sees_every_event_from_the_first(loop: HeldLoop) -> None:
    provider, gate = hanging(OPENING, Text("not "))
    relay = create_relay(provider)
    await left(relay, provider, loop)
    repeat = REPEAT.of(relay)
    await a_few_turns()
    gate.set()
    events = await repeat
    assert (events[0].sequence, text(events), events[-1].sequence) == (1, "not late", 4)
    assert len(provider.tries) == 1


async def test_a_call_that_nobody_joins_is_stopped_when_its_grace_is_over(loop: HeldLoop) -> None:
    provider, _ = hanging()
    relay = create_relay(provider, observers=[observed := Observed()])
    await left(relay, provider, loop)
    loop.advance(GRACE_S - 0.5)
    await a_few_turns()
    assert provider.running == 1
    loop.advance(0.5)
    assert await provider.until_ended() is End.ABORTED
    await a_few_turns()
    assert [one.outcome for one in observed.calls] == ["CANCELLED"]
    assert len(relay._timed_out) == 0


@pytest.mark.parametrize("answer_keep_s", [0.0, 300.0])
async def test_an_answer_that_arrived_in_the_meantime_is_given_to_one_repeat(
    loop: HeldLoop, answer_keep_s: float
) -> None:
    provider, gate = hanging(OPENING)
    relay = create_relay(provider, limits=Limits(answer_keep_s=answer_keep_s), observers=[observed := Observed()])
    await left(relay, provider, loop)
    gate.set()
    await provider.until_ended()
    await a_few_turns()
    loop.advance(GRACE_S - 0.5)
    assert text(await REPEAT.of(relay)) == "late"
    assert [one.outcome for one in observed.shared] == ["replayed"]
    assert text(await replace(REPEAT, request_id="id-3").of(relay)) == "Hello"
    assert len(provider.tries) == 2


async def test_an_answer_waits_no_longer_than_the_grace(loop: HeldLoop) -> None:
    provider, gate = hanging(OPENING)
    relay = create_relay(provider)
    await left(relay, provider, loop)
    gate.set()
    await provider.until_ended()
    await a_few_turns()
    loop.advance(GRACE_S)
    await a_few_turns()
    assert len(relay._timed_out) == 0
    assert text(await REPEAT.of(relay)) == "Hello"


async def test_a_call_that_failed_in_the_meantime_runs_again(loop: HeldLoop) -> None:
    gate = asyncio.Event()
    provider = ScriptedProvider([gate, ProviderProtocol()], HELLO)
    relay = create_relay(provider)
    await left(relay, provider, loop)
    gate.set()
    await provider.until_ended()
    await a_few_turns()
    assert text(await REPEAT.of(relay)) == "Hello"


async def test_of_several_left_calls_each_repeat_joins_the_oldest(loop: HeldLoop) -> None:
    gate = asyncio.Event()
    scripts: list[list[Step]] = [[OPENING, gate, Text(answer), ENDING] for answer in ("one", "two")]
    provider = ScriptedProvider(*scripts, HELLO)
    relay = create_relay(provider)
    await left(relay, provider, loop)
    await left(relay, provider, loop, Asking(request_id="id-2"))
    repeats = [replace(REPEAT, request_id=f"id-{number}").of(relay) for number in (3, 4, 5)]
    await a_few_turns()
    gate.set()
    assert [text(await repeat) for repeat in repeats] == ["one", "two", "Hello"]


@pytest.mark.parametrize(
    "other",
    [
        replace(REPEAT, count=0),
        replace(REPEAT, caller="bob"),
        replace(REPEAT, digest="b" * 64),
        replace(REPEAT, delivery=Delivery.WHOLE),
        replace(REPEAT, message="Ho"),
    ],
)
async def test_a_request_that_is_no_repeat_is_a_separate_call(loop: HeldLoop, other: Asking) -> None:
    provider, _ = hanging()
    relay = create_relay(provider)
    await left(relay, provider, loop)
    await other.of(relay)
    assert [one.end for one in provider.tries] == [End.RUNNING, End.WHOLE]
    await relay.aclose()


async def test_a_call_that_still_has_a_reader_is_not_joined_by_its_body(loop: HeldLoop) -> None:
    provider, _ = hanging()
    relay = create_relay(provider)
    other = FIRST.of(relay)
    await left(relay, provider, loop)
    assert text(await REPEAT.of(relay)) == "Hello"
    loop.advance(1.5)
    await leave(other)
    assert provider.tries[0].end is End.ABORTED


async def test_a_repeat_that_leaves_at_another_moment_stops_the_call(loop: HeldLoop) -> None:
    provider, _ = hanging()
    relay = create_relay(provider)
    await left(relay, provider, loop)
    repeat = REPEAT.of(relay)
    await a_few_turns()
    await leave(repeat)
    assert provider.tries[0].end is End.ABORTED


async def test_a_left_call_that_is_joined_by_its_request_id_outlives_the_grace(loop: HeldLoop) -> None:
    provider, gate = hanging(OPENING)
    relay = create_relay(provider)
    await left(relay, provider, loop)
    again = FIRST.of(relay)
    await a_few_turns()
    assert text(await REPEAT.of(relay)) == "Hello"
    loop.advance(GRACE_S + 1)
    await a_few_turns()
    gate.set()
    assert text(await again) == "late"


async def test_a_left_call_that_is_cancelled_is_not_joined(loop: HeldLoop) -> None:
    provider, _ = hanging()
    relay = create_relay(provider)
    await left(relay, provider, loop)
    assert relay.cancel("id-1", caller="alice")
    assert text(await REPEAT.of(relay)) == "Hello"
    assert provider.tries[0].end is End.ABORTED


@pytest.mark.parametrize("how", ["cancelled", "late", "no timeout told", "no grace"])
async def test_a_call_that_ends_in_another_way_does_not_continue(loop: HeldLoop, how: str) -> None:
    provider, _ = hanging()
    relay = create_relay(provider, limits=Limits(retry_grace_s=0 if how == "no grace" else GRACE_S))
    asking = replace(FIRST, deadline_s=TIMEOUT_S if how == "late" else None)
    reading = replace(asking, timeout_s=None if how == "no timeout told" else TIMEOUT_S).of(relay)
    await provider.until_waiting()
    loop.advance(TIMEOUT_S)
    if how == "cancelled":
        relay.cancel("id-1", caller="alice")
    await leave(reading)
    assert provider.tries[0].end is End.ABORTED
    assert text(await REPEAT.of(relay)) == "Hello"


@pytest.mark.parametrize("end", ["drain", "aclose"])
async def test_a_stopping_server_does_not_wait_for_clients_to_come_back(loop: HeldLoop, end: str) -> None:
    provider = ScriptedProvider([asyncio.Event()])
    relay = create_relay(provider, observers=[observed := Observed()])
    reading = Asking(request_id="id-0").of(relay)
    await provider.until_waiting()
    await left(relay, provider, loop)
    if end == "drain":
        relay.drain()
        loop.advance(0.25)
        await leave(reading)
        assert await relay.wait_idle(PATIENCE_S)
    else:
        await relay.aclose()
        assert isinstance((await asyncio.gather(reading, return_exceptions=True))[0], Draining)
    assert [one.end for one in provider.tries] == [End.ABORTED] * 2
    assert len(observed.calls) == 2
    assert len(relay._timed_out) == 0
