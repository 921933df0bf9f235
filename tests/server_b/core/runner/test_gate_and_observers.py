"""A call passes the gate before and after the provider call; observers see the end and cannot fail a call."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Set
from typing import Any

import pytest

from llm_relay.errors import (
    Draining,
    Overloaded,
    ProviderAuth,
    ProviderProtocol,
    ProviderRejected,
    ProviderUnavailable,
    RelayError,
)
from llm_relay.messages import Accuracy, Prompt, State, Usage
from server_b.core.calls.call import Call
from server_b.core.calls.call_key import Delivery, Key
from server_b.core.calls.record import CallRecord, SharedRecord
from server_b.providers.base import Opening, Piece, Text
from server_b.providers.fallback import Fallback
from tests.support.chains import Named
from tests.support.observed import Observed
from tests.support.relayed import HI, a_few_turns, streamed, whole
from tests.support.scripted import HELLO, MODEL, OPENING, PATIENCE_S, USAGE, End, ScriptedProvider, Step
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio

whole_and_streamed = pytest.mark.parametrize("way", [whole, streamed])
SECRET = "sk-live-0123456789"


class Ledger:
    """A gate that records what passes, and refuses or fails on request."""

    def __init__(
        self,
        *,
        refusal: Exception | None = None,
        failure: Exception | None = None,
        may_settle: asyncio.Event | None = None,
    ) -> None:
        self._refusal = refusal
        self._failure = failure
        self._may_settle = may_settle
        self.entry_id = "entry-1"
        self.bound_nano_usd: int | None = None
        self.is_ready = True
        self.allowed: Set[str] | None = None
        self.reserving, self.may_reserve = asyncio.Event(), asyncio.Event()
        self.may_reserve.set()
        self.events: list[str] = []
        self.records: list[CallRecord] = []

    def open(self, call: Call) -> "Ledger":
        self.opened = call
        return self

    async def reserve(self) -> Set[str] | None:
        self.events.append(f"reserve {self.opened.key.request_id}")
        self.reserving.set()
        await self.may_reserve.wait()
        if self._refusal is not None:
            raise self._refusal
        return self.allowed

    def note_joined(self, entry_id: str) -> None:
        self.events.append(f"joined {entry_id}")

    async def settle(self, record: CallRecord) -> None:
        self.events.append(f"settle {record.key.request_id}")
        if self._may_settle is not None:
            await self._may_settle.wait()
        if self._failure is not None:
            raise self._failure
        self.records.append(record)


@whole_and_streamed
async def test_observers_see_the_end_after_it_was_settled(way: Any) -> None:
    ledger = Ledger(may_settle=(may_settle := asyncio.Event()))
    relay = create_relay(provider := ScriptedProvider(), gate=ledger)
    asking = asyncio.create_task(way(relay))
    assert await provider.until_ended() is End.WHOLE
    await a_few_turns()
    assert ledger.events == ["reserve id-1", "settle id-1"]
    assert not asking.done()
    may_settle.set()
    await asking
    assert ledger.records[0].finished.usage == USAGE


@whole_and_streamed
async def test_a_call_that_the_gate_refuses_reaches_no_provider(way: Any) -> None:
    ledger = Ledger(refusal=Overloaded("the budget is spent"))
    relay = create_relay(provider := ScriptedProvider(), gate=ledger)
    with pytest.raises(Overloaded, match="budget") as failed:
        await way(relay)
    assert provider.tries == []
    assert not failed.value.may_have_worked
    assert failed.value.spent is None
    assert failed.value.request_id == "id-1"
    assert [record.outcome for record in ledger.records] == ["OVERLOADED"]
    assert ledger.records[0].attempts == ()
    assert await relay.wait_idle(PATIENCE_S)


@pytest.mark.parametrize(
    ("script", "outcome"),
    [(HELLO, "stop"), ([ProviderAuth()], "PROVIDER_AUTH"), ([OPENING, ProviderProtocol()], "PROVIDER_PROTOCOL")],
    ids=["whole", "refused", "broken"],
)
async def test_every_ending_is_settled_once(script: list[Step], outcome: str) -> None:
    ledger, observed = Ledger(), Observed()
    relay = create_relay(ScriptedProvider(script), gate=ledger, observers=[observed])
    with contextlib.suppress(RelayError):
        await streamed(relay)
    assert [record.outcome for record in ledger.records] == [outcome]
    assert observed.calls == ledger.records


async def test_a_caller_who_leaves_is_settled_too() -> None:
    ledger = Ledger()
    relay = create_relay(provider := ScriptedProvider([OPENING, Text("Hel"), asyncio.Event()]), gate=ledger)
    asking = asyncio.create_task(whole(relay))
    await provider.until_waiting()
    asking.cancel()
    assert await relay.wait_idle(PATIENCE_S)
    assert [record.outcome for record in ledger.records] == ["CANCELLED"]
    assert ledger.records[0].finished.usage.accuracy is Accuracy.ESTIMATED


@pytest.mark.parametrize("ending", ["leaves", "cancels", "runs out of time", "shutdown"])
async def test_a_call_that_ends_while_the_gate_reserves_reaches_no_provider_and_releases(ending: str) -> None:
    ledger = Ledger()
    ledger.may_reserve.clear()
    relay = create_relay(provider := ScriptedProvider(), gate=ledger)
    timeout_s = 0.05 if ending == "runs out of time" else None
    asking = asyncio.create_task(relay.process(HI, caller="alice", timeout_s=timeout_s))
    await ledger.reserving.wait()
    if ending == "leaves":
        asking.cancel()
    elif ending == "cancels":
        assert relay.cancel("id-1", caller="alice")
    elif ending == "shutdown":
        await relay.aclose()
    with contextlib.suppress(RelayError, asyncio.CancelledError):
        answer = await asking
        assert (ending, answer.text) == ("cancels", "")
    assert await relay.wait_idle(PATIENCE_S)
    assert provider.tries == []
    assert ledger.events == ["reserve id-1", "settle id-1"]
    (record,) = ledger.records
    assert record.attempts == ()
    assert record.finished.cost.usd == 0


async def test_a_request_that_gets_the_answer_of_another_is_noted_at_its_entry() -> None:
    ledger = Ledger()
    relay = create_relay(provider := ScriptedProvider([OPENING, waiting := asyncio.Event(), *HELLO[1:]]), gate=ledger)
    first = asyncio.create_task(whole(relay))
    await provider.until_waiting()
    joined = asyncio.create_task(whole(relay))
    await a_few_turns()
    waiting.set()
    await asyncio.gather(first, joined)
    await whole(relay)
    assert ledger.events == ["reserve id-1", "settle id-1", "joined entry-1", "joined entry-1"]


async def test_a_relay_whose_gate_is_closed_is_degraded() -> None:
    ledger = Ledger()
    relay = create_relay(ScriptedProvider(), gate=ledger)
    assert relay.status().state is State.HEALTHY
    ledger.is_ready = False
    assert relay.status().state is State.DEGRADED


async def test_a_chain_uses_only_the_providers_that_the_gate_allows() -> None:
    first, second = Named("first"), Named("second")
    ledger = Ledger()
    ledger.allowed = frozenset({"second"})
    relay = create_relay(Fallback([first, second], {}), gate=ledger)
    answer = await relay.process(Prompt(message="Hi", model="of-the-first"), caller="alice")
    assert (answer.provider, first.tries) == ("second", [])
    assert second.tries[0].prompt.model is None, "the model's name is still the first provider's"
    ledger.allowed = None
    assert (await relay.process(Prompt(message="Hi"), caller="alice")).provider == "first"


async def test_a_failed_settlement_does_not_delay_the_caller(caplog: pytest.LogCaptureFixture) -> None:
    relay = create_relay(ScriptedProvider(), gate=Ledger(failure=OSError(SECRET)))
    assert (await whole(relay)).text == "Hello"
    assert "OSError" in caplog.text
    assert SECRET not in caplog.text


# Observers.


async def test_a_record_has_every_attempt_and_its_times() -> None:
    observed = Observed()
    relay = create_relay(ScriptedProvider(), observers=[observed])
    await relay.process(HI, caller="alice", protocol="http")
    (record,) = observed.calls
    assert record.key == Key("alice", "id-1", Delivery.WHOLE)
    assert (record.protocol, record.provider, record.outcome, record.error) == ("http", "scripted", "stop", None)
    (attempt,) = record.attempts
    assert (attempt.provider, attempt.model, attempt.error) == ("scripted", "scripted-model", None)
    assert record.queue_s is not None
    assert record.first_token_s is not None
    assert 0 <= record.queue_s <= record.first_token_s <= record.finished.duration_s


@pytest.mark.parametrize("ends_well", [True, False])
async def test_a_request_that_its_provider_retried_by_itself_is_a_separate_attempt(ends_well: bool) -> None:
    observed = Observed()
    refused, lost = ProviderRejected("no temperature"), ProviderUnavailable("a closed connection")
    failure = ProviderAuth()
    failure.asked_before = (refused, lost)
    script = [Opening(MODEL, asked_before=(refused, lost)), *HELLO[1:]] if ends_well else [failure]
    relay = create_relay(ScriptedProvider(script), observers=[observed])
    with contextlib.suppress(ProviderAuth):
        await whole(relay)
    attempts = observed.calls[0].attempts
    assert [one.error for one in attempts] == [refused, lost, None if ends_well else failure]
    assert [one.may_have_worked for one in attempts] == [False, False, ends_well]
    assert all(one.ended_at is not None and one.provider == "scripted" for one in attempts)
    assert relay.status().provider_error == ("" if ends_well else "PROVIDER_AUTH")
    if ends_well:
        assert observed.calls[0].finished.usage == USAGE


class Failing(Observed):
    """An observer that fails at everything."""

    def call_ended(self, record: CallRecord) -> None:
        super().call_ended(record)
        raise RuntimeError(SECRET)

    def call_shared(self, record: SharedRecord) -> None:
        super().call_shared(record)
        raise RuntimeError(SECRET)

    def close(self) -> None:
        raise RuntimeError(SECRET)


async def test_a_failing_observer_neither_fails_a_call_nor_stops_other_observers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    observed = Observed()
    relay = create_relay(ScriptedProvider(), observers=[Failing(), observed])
    assert (await whole(relay)).text == (await whole(relay)).text == "Hello"
    await relay.aclose()
    assert (len(observed.calls), [one.outcome for one in observed.shared], observed.closed) == (1, ["replayed"], True)
    assert SECRET not in caplog.text
    assert caplog.text.count("RuntimeError") == 3


# The end of the relay.


async def test_closing_the_relay_settles_running_calls() -> None:
    observed = Observed()
    relay = create_relay(provider := ScriptedProvider([OPENING, Text("Hel"), asyncio.Event()]), observers=[observed])
    asking = asyncio.create_task(streamed(relay))
    await provider.until_waiting()
    await relay.aclose()
    assert [record.outcome for record in observed.calls] == ["DRAINING"]
    assert provider.tries[0].end is End.ABORTED
    with pytest.raises(Draining):
        await asking


async def test_closing_the_relay_settles_a_call_that_nobody_began_to_read() -> None:
    observed = Observed()
    relay = create_relay(provider := ScriptedProvider(), observers=[observed])
    async with relay.admit(HI, caller="alice", delivery=Delivery.STREAM):
        await relay.aclose()
        assert [record.outcome for record in observed.calls] == ["DRAINING"]
    assert observed.calls[0].finished.usage == Usage(input_tokens=0, output_tokens=0, accuracy=Accuracy.EXACT)
    assert provider.tries == []


def test_a_call_whose_event_loop_ends_is_settled() -> None:
    observed, running = Observed(), set()

    async def ends_during_a_call() -> None:
        relay = create_relay(provider := ScriptedProvider([OPENING, asyncio.Event()]), observers=[observed])
        running.add(asyncio.create_task(streamed(relay)))
        await provider.until_waiting()

    asyncio.run(ends_during_a_call())
    assert [record.outcome for record in observed.calls] == ["CANCELLED"]
    assert isinstance(observed.calls[0].error, RelayError)


class Cancelled(ScriptedProvider):
    """When cancelled, reports that it had sent the request once before."""

    async def stream(self, prompt: Prompt, *, whole: bool = False) -> AsyncGenerator[Piece, None]:
        try:
            async for piece in super().stream(prompt, whole=whole):
                yield piece
        except asyncio.CancelledError as left:
            left.args = (ProviderUnavailable("a closed connection"),)
            raise


async def test_a_retried_request_is_an_attempt_even_if_the_caller_leaves() -> None:
    observed = Observed()
    relay = create_relay(provider := Cancelled([asyncio.Event()]), observers=[observed])
    asking = asyncio.create_task(whole(relay))
    await provider.until_waiting()
    asking.cancel()
    assert await relay.wait_idle(PATIENCE_S)
    first, last = observed.calls[0].attempts
    assert (first.was_repeated, first.may_have_worked) == (True, False)
    assert (last.was_repeated, last.may_have_worked) == (False, True)
