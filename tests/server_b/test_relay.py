"""What holds for every call, through whichever door it came: one provider call a key, one end, one settlement."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from decimal import Decimal

import pytest

from server_b.call import Kind
from server_b.providers.base import Text
from server_b.relay import Limits, Relay
from tests.scripted import ENDING, HELLO, MODEL, OPENING, PATIENCE_S, USAGE, End, ScriptedProvider
from tests.serving import DEFAULTS, create_relay
from transport.errors import (
    Cancelled,
    Draining,
    Internal,
    InvalidRequest,
    Overloaded,
    ProviderAuth,
    ProviderProtocol,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    RelayError,
    UnknownModel,
)
from transport.messages import Accuracy, Answer, Cost, Delta, Event, Finished, FinishReason, Prompt, Started, State, Usage

pytestmark = pytest.mark.anyio

HI = Prompt(message="Hi", request_id="id-1")
SECRET = "sk-live-0123456789"


def stream(relay: Relay, prompt: Prompt = HI, caller: str = "alice") -> AsyncIterator[Event]:
    return relay.stream_process(prompt, caller=caller)


async def streamed(relay: Relay, prompt: Prompt = HI, caller: str = "alice") -> list[Event]:
    return [event async for event in stream(relay, prompt, caller)]


async def whole(relay: Relay, prompt: Prompt = HI, caller: str = "alice") -> Answer:
    return await relay.process(prompt, caller=caller)


def last(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


# Order of events.


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


async def test_a_request_without_an_id_is_given_one_of_its_own() -> None:
    relay = create_relay(ScriptedProvider())
    first, second = await whole(relay, Prompt(message="Hi")), await whole(relay, Prompt(message="Hi"))
    assert first.request_id != second.request_id


# Soft cancel.


async def test_cancel_amid_a_stream_ends_it_well_with_what_came() -> None:
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


@pytest.mark.parametrize("kind", list(Kind))
async def test_cancel_between_admission_and_asking_spares_the_provider(kind: Kind) -> None:
    provider = ScriptedProvider()
    relay = create_relay(provider)
    with relay.admit(HI, caller="alice", kind=kind) as call:
        assert relay.cancel("id-1", caller="alice")
        if kind is Kind.STREAM:
            finished = last([event async for event in relay.events(call)])
        else:
            finished = (await relay.answer(call)).finished
    assert finished.finish_reason is FinishReason.CANCELLED
    assert finished.usage == Usage(input_tokens=0, output_tokens=0, accuracy=Accuracy.EXACT)
    assert provider.tries == []


async def test_cancel_between_two_tries_ends_the_call() -> None:
    provider = ScriptedProvider([ProviderUnavailable(retry_after_s=30)], HELLO)
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


# The caller leaves.


async def test_a_caller_who_leaves_before_the_first_event_aborts_the_provider() -> None:
    provider = ScriptedProvider([asyncio.Event()])
    reading = asyncio.create_task(streamed(create_relay(provider)))
    await provider.until_waiting()
    reading.cancel()
    assert await provider.until_ended() is End.ABORTED


async def test_a_caller_who_leaves_amid_the_stream_aborts_the_provider() -> None:
    provider = ScriptedProvider([OPENING, Text("Hel"), asyncio.Event()])
    async with aclosing(stream(create_relay(provider))) as events:  # type: ignore[type-var]
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


async def test_a_caller_who_leaves_between_admission_and_asking_leaves_nothing() -> None:
    provider = ScriptedProvider()
    relay = create_relay(provider)
    with relay.admit(HI, caller="alice", kind=Kind.WHOLE):
        assert not relay.cancel("id-2", caller="alice")
    assert not relay.cancel("id-1", caller="alice")
    assert await relay.wait_idle(PATIENCE_S)
    assert provider.tries == []


async def test_the_caller_who_left_is_told_nothing_and_what_was_spent_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    provider = ScriptedProvider([OPENING, Text("Hello"), asyncio.Event()])
    relay = create_relay(provider)
    reading = asyncio.create_task(streamed(relay))
    await provider.until_waiting()
    reading.cancel()
    assert await relay.wait_idle(PATIENCE_S)
    (facts,) = [record.facts for record in caplog.records if record.name == "relay.calls"]  # type: ignore[attr-defined]
    assert facts["outcome"] == "CANCELLED"
    assert facts["accuracy"] == "estimated"


async def test_who_asks_again_after_leaving_is_answered_anew() -> None:
    provider = ScriptedProvider([OPENING, Text("Hel"), asyncio.Event()], HELLO)
    relay = create_relay(provider)
    async with aclosing(stream(relay)) as events:  # type: ignore[type-var]
        assert isinstance(await anext(events), Started)
    # The first call is being aborted still.
    assert text(await streamed(relay)) == "Hello"
    assert [one.end for one in provider.tries] == [End.ABORTED, End.WHOLE]
    assert await relay.wait_idle(PATIENCE_S)


# Idempotency.


async def test_a_second_request_with_the_same_key_joins_from_the_beginning() -> None:
    gate = asyncio.Event()
    provider = ScriptedProvider([OPENING, Text("Hel"), gate, Text("lo"), ENDING])
    relay = create_relay(provider)
    first = asyncio.create_task(streamed(relay))
    await provider.until_waiting()
    second = asyncio.create_task(streamed(relay))
    await asyncio.sleep(0)
    gate.set()
    events = await second
    assert [event.sequence for event in events] == [1, 3, 4] or [event.sequence for event in events] == [1, 2, 3, 4]
    assert text(events) == text(await first) == "Hello"
    assert last(events) == last(await first)
    assert len(provider.tries) == 1


async def test_a_joined_call_goes_on_while_one_reader_is_left() -> None:
    gate = asyncio.Event()
    provider = ScriptedProvider([OPENING, Text("Hel"), gate, Text("lo"), ENDING])
    relay = create_relay(provider)
    first, second = asyncio.create_task(streamed(relay)), asyncio.create_task(streamed(relay))
    await provider.until_waiting()
    first.cancel()
    await asyncio.wait([first])
    assert provider.running == 1
    gate.set()
    assert text(await second) == "Hello"


async def test_the_last_reader_who_leaves_aborts_a_joined_call() -> None:
    provider = ScriptedProvider([OPENING, asyncio.Event()])
    relay = create_relay(provider)
    readers = [asyncio.create_task(streamed(relay)) for _ in range(3)]
    await provider.until_waiting()
    for reader in readers:
        reader.cancel()
    assert await provider.until_ended() is End.ABORTED
    assert len(provider.tries) == 1


async def test_a_joined_call_that_fails_fails_for_everybody() -> None:
    gate = asyncio.Event()
    relay = create_relay(provider := ScriptedProvider([OPENING, gate, ProviderProtocol()]))
    readers = [asyncio.create_task(streamed(relay)) for _ in range(2)]
    await provider.until_waiting()
    gate.set()
    for reader in readers:
        with pytest.raises(ProviderProtocol):
            await reader


async def test_joining_extends_the_deadline_to_the_latest_readers() -> None:
    gate = asyncio.Event()
    relay = create_relay(provider := ScriptedProvider([OPENING, gate, ENDING]))
    hurried = asyncio.create_task(relay.process(HI, caller="alice", timeout_s=0.05))
    patient = asyncio.create_task(relay.process(HI, caller="alice", timeout_s=PATIENCE_S))
    await provider.until_waiting()
    asyncio.get_running_loop().call_later(0.1, gate.set)
    assert (await patient).finished.finish_reason is FinishReason.STOP
    await hurried


async def test_a_kept_answer_is_given_again_without_asking_the_provider() -> None:
    provider = ScriptedProvider()
    relay = create_relay(provider)
    first, again = await whole(relay), await whole(relay)
    assert first == again
    assert len(provider.tries) == 1


async def test_a_kept_stream_is_given_again_from_its_start() -> None:
    relay = create_relay(provider := ScriptedProvider())
    first, again = await streamed(relay), await streamed(relay)
    assert isinstance(again[0], Started)
    assert (text(again), last(again)) == (text(first), last(first))
    assert len(provider.tries) == 1


@pytest.mark.parametrize(
    "other",
    [
        Prompt(message="Ho", request_id="id-1"),
        Prompt(message="Hi", context="", request_id="id-1"),
        Prompt(message="Hi", model="m", request_id="id-1"),
        Prompt(message="Hi", temperature=0, request_id="id-1"),
        Prompt(message="Hi", max_tokens=1, request_id="id-1"),
    ],
)
@pytest.mark.parametrize("still_runs", [True, False])
async def test_another_request_under_the_same_key_is_refused(other: Prompt, still_runs: bool) -> None:
    gate = asyncio.Event()
    relay = create_relay(provider := ScriptedProvider([OPENING, gate, ENDING]))
    first = asyncio.create_task(whole(relay))
    await provider.until_waiting()
    if not still_runs:
        gate.set()
        await first
    with pytest.raises(InvalidRequest) as refused:
        await whole(relay, other)
    assert [violation.field for violation in refused.value.violations] == ["request_id"]
    assert refused.value.request_id == "id-1"
    gate.set()
    await first


async def test_callers_and_methods_do_not_share_a_key() -> None:
    relay = create_relay(provider := ScriptedProvider())
    await whole(relay, caller="alice")
    await whole(relay, caller="bob")
    await streamed(relay, caller="alice")
    assert len(provider.tries) == 3


async def test_a_failed_call_runs_anew() -> None:
    relay = create_relay(provider := ScriptedProvider([ProviderRejected()], HELLO))
    with pytest.raises(ProviderRejected):
        await whole(relay)
    assert (await whole(relay)).text == "Hello"
    assert len(provider.tries) == 2


async def test_nothing_is_kept_where_the_keeping_time_is_zero() -> None:
    relay = create_relay(provider := ScriptedProvider(), limits=Limits(answer_keep_s=0))
    await whole(relay)
    await whole(relay)
    assert len(provider.tries) == 2


# Limits and draining.


async def test_more_calls_than_the_limit_are_overloaded_with_a_time_to_retry() -> None:
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


async def test_calls_left_after_the_grace_are_told_that_the_server_stops() -> None:
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
    relay = create_relay(provider := ScriptedProvider())
    async with aclosing(stream(relay)) as events:  # type: ignore[type-var]
        await anext(events)
        await provider.until_ended()
        assert not await relay.wait_idle(0)
        assert [type(event).__name__ async for event in events] == ["Delta", "Finished"]
    assert await relay.wait_idle(0)


# Settlement.


async def test_the_providers_count_is_exact() -> None:
    assert (await whole(create_relay(ScriptedProvider()))).finished.usage == USAGE


async def test_an_error_before_anything_was_spent_says_so_exactly() -> None:
    for error in (ProviderAuth(), ProviderRejected(), UnknownModel(), ProviderRateLimited(retry_after_s=600)):
        with pytest.raises(RelayError) as failed:
            await whole(create_relay(ScriptedProvider([error])))
        assert failed.value.spent is not None
        assert failed.value.spent.usage == Usage(input_tokens=0, output_tokens=0, accuracy=Accuracy.EXACT)


async def test_an_error_of_which_nothing_is_known_is_unknown() -> None:
    with pytest.raises(ProviderProtocol) as failed:
        await whole(create_relay(ScriptedProvider([ProviderProtocol()])))
    assert failed.value.spent is not None
    assert failed.value.spent.usage == Usage(accuracy=Accuracy.UNKNOWN)
    assert failed.value.spent.cost == Cost()


async def test_an_error_amid_the_answer_is_estimated_and_has_no_finish_reason() -> None:
    with pytest.raises(ProviderProtocol) as failed:
        await streamed(create_relay(ScriptedProvider([OPENING, Text("Hello"), ProviderProtocol()])))
    assert failed.value.spent is not None
    assert failed.value.spent.usage.accuracy is Accuracy.ESTIMATED
    assert failed.value.spent.finish_reason is None
    assert failed.value.request_id == "id-1"


async def test_each_call_is_settled_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    relay = create_relay(ScriptedProvider(HELLO, [ProviderAuth()], HELLO))
    await asyncio.gather(whole(relay), whole(relay))
    with pytest.raises(ProviderAuth):
        await whole(relay, Prompt(message="Hi"))
    await streamed(relay)
    await streamed(relay)
    assert sum(record.name == "relay.calls" for record in caplog.records) == 3
    assert relay.status().calls_processed == 3


async def test_a_price_list_that_fails_does_not_keep_the_caller_waiting(caplog: pytest.LogCaptureFixture) -> None:
    def price(provider: str, model: str, usage: Usage) -> Cost:
        raise ArithmeticError(SECRET)

    relay = Relay(ScriptedProvider(), price=price, defaults=DEFAULTS)
    assert (await whole(relay)).finished.cost == Cost()
    assert await relay.wait_idle(PATIENCE_S)
    assert SECRET not in caplog.text
    assert "ArithmeticError" in caplog.text


async def test_the_price_is_asked_for_the_model_that_answered() -> None:
    asked: list[tuple[str, str, Usage]] = []

    def price(provider: str, model: str, usage: Usage) -> Cost:
        asked.append((provider, model, usage))
        return Cost(usd=Decimal("0.5"), price_source="list")

    relay = Relay(ScriptedProvider(), price=price, defaults=DEFAULTS)
    answer = await whole(relay, Prompt(message="Hi", model="alias"))
    assert asked == [("scripted", MODEL, USAGE)]
    assert answer.finished.cost == Cost(usd=Decimal("0.5"), price_source="list")


# What nobody foresaw.


@pytest.mark.parametrize("amid", [True, False])
async def test_the_text_of_an_unforeseen_error_reaches_neither_caller_nor_log(
    amid: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    script = [OPENING, Text("Hel"), RuntimeError(SECRET)] if amid else [RuntimeError(SECRET)]
    with pytest.raises(Internal) as failed:
        await streamed(create_relay(ScriptedProvider(script)))
    assert failed.value.message == "internal error (request_id id-1)"
    assert SECRET not in caplog.text
    assert not any(record.exc_info for record in caplog.records)
    assert "request_id=id-1 unexpected RuntimeError at scripted.py:" in caplog.text


async def test_no_text_of_prompt_or_answer_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    provider = ScriptedProvider([OPENING, Text(SECRET), ENDING], [OPENING, Text(SECRET), ProviderProtocol()])
    relay = create_relay(provider)
    await streamed(relay, Prompt(message=SECRET, context=SECRET))
    with pytest.raises(ProviderProtocol):
        await streamed(relay, Prompt(message=SECRET, context=SECRET))
    assert len(caplog.records) == 2
    assert not any(SECRET in f"{record.getMessage()} {vars(record)}" for record in caplog.records)


# Status.


async def test_the_status_follows_the_providers_last_call() -> None:
    relay = create_relay(ScriptedProvider([ProviderAuth()], [UnknownModel()], HELLO))
    assert (relay.status().state, relay.status().provider_state) == (State.HEALTHY, State.UNSPECIFIED)
    for expected_error in ("PROVIDER_AUTH", "PROVIDER_AUTH"):
        with pytest.raises(RelayError):
            await whole(relay)
        assert (relay.status().state, relay.status().provider_error) == (State.DEGRADED, expected_error)
    await whole(relay)
    assert (relay.status().state, relay.status().provider_state) == (State.HEALTHY, State.HEALTHY)
    assert relay.status().provider_error == ""
    assert relay.status().calls_processed == 3


async def test_a_draining_server_is_degraded() -> None:
    relay = create_relay(ScriptedProvider())
    relay.drain()
    assert relay.status().state is State.DEGRADED


async def test_a_caller_leaving_is_no_fault_of_the_provider() -> None:
    relay = create_relay(provider := ScriptedProvider([asyncio.Event()]))
    asking = asyncio.create_task(whole(relay))
    await provider.until_waiting()
    asking.cancel()
    assert await relay.wait_idle(PATIENCE_S)
    assert relay.status().state is State.HEALTHY
