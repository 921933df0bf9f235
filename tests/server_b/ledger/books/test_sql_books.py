"""Calls in the books, on both engines: what is reserved, what is charged, what is refused."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from random import Random
from string import ascii_letters

import pytest

from llm_relay.errors import BudgetExceeded, LedgerUnavailable, PermissionDenied, PriceUnknown
from server_b.ledger.entries import MOST_NANO_USD, MOST_TOKENS
from server_b.ledger.times import US_PER_S, to_us
from server_b.ledger.transactions import Store
from tests.support.money import NOON, Clock, call_end, new_call, open_books, put_budget, put_caller, select

pytestmark = pytest.mark.anyio
MIDNIGHT = NOON.replace(hour=0)
WINDOW = "spent_nano_usd, reserved_nano_usd"


async def test_a_call_is_written_before_and_settled_after(store: Store) -> None:
    call = new_call(tags={"team": "red"}, trace_id="t")
    async with open_books(store) as books:
        await books.reserve(call)
        assert await select(store, "id, account, state, reserved_nano_usd, nano_usd, tags", "calls") == [
            (call.id, "alice", "open", 1000, None, '{"team": "red"}')
        ]
        await books.settle(call_end(call))
    assert await select(store, "state, outcome, input_tokens, output_tokens, nano_usd, charged_nano_usd", "calls") == [
        ("settled", "STOP", 3, 4, 300, 300)
    ]
    assert await select(store, "call_id, number, provider", "attempts") == [(call.id, 1, "openai")]


async def test_a_budget_is_charged_the_calls_cost_instead_of_its_bound(store: Store) -> None:
    await put_budget(store, 10_000)
    call = new_call()
    async with open_books(store) as books:
        assert (await books.reserve(call)).is_under_budget
        assert await select(store, WINDOW, "windows") == [(0, 1000)]
        await books.settle(call_end(call))
    assert await select(store, f"starts_at, {WINDOW}", "windows") == [(to_us(MIDNIGHT), 300, 0)]


async def test_a_call_that_does_not_fit_is_refused_with_the_state_of_its_budget(store: Store) -> None:
    await put_budget(store, 2_500)
    async with open_books(store) as books:
        first = new_call()
        await books.reserve(first)
        await books.settle(call_end(first, nano_usd=900))
        await books.reserve(new_call())
        with pytest.raises(BudgetExceeded) as caught:
            await books.reserve(new_call(request_id="refused"))
    error = caught.value
    assert (error.scope, error.limit_nano_usd, error.spent_nano_usd, error.reserved_nano_usd) == (
        "caller:alice",
        2_500,
        900,
        1_000,
    )
    assert error.resets_at == MIDNIGHT + timedelta(days=1)
    assert await select(store, "state, outcome, nano_usd, charged_nano_usd", "calls", "request_id = 'refused'") == [
        ("refused", "BUDGET_EXCEEDED", 0, 0)
    ]


@pytest.mark.parametrize(
    ("nano_usd", "may_have_worked", "cost", "charged", "is_overrun"),
    [
        (300, True, 300, 300, 0),
        (1500, True, 1500, 1500, 1),
        (None, True, None, 1000, 0),
        (None, False, 0, 0, 0),
        (0, False, 0, 0, 0),
    ],
)
async def test_an_ended_call_is_charged_its_cost_or_its_bound_if_that_is_unknown(
    store: Store, nano_usd: int | None, may_have_worked: bool, cost: int | None, charged: int, is_overrun: int
) -> None:
    await put_budget(store, 10_000)
    call = new_call()
    async with open_books(store) as books:
        await books.reserve(call)
        await books.settle(call_end(call, nano_usd=nano_usd, may_have_worked=may_have_worked))
    assert await select(store, "nano_usd, charged_nano_usd, is_overrun", "calls") == [(cost, charged, is_overrun)]
    assert await select(store, WINDOW, "windows") == [(charged, 0)]
    unknown = int(cost is None)
    assert await select(store, "calls, unknown_cost_calls, nano_usd, charged_nano_usd", "usage_hours") == [
        (1, unknown, cost or 0, charged)
    ]


async def test_every_step_done_twice_counts_once(store: Store) -> None:
    await put_budget(store, 10_000)
    call = new_call()
    async with open_books(store) as books:
        await books.reserve(call)
        await books.reserve(call)
        await books.settle(call_end(call))
        await books.settle(call_end(call, nano_usd=999))
        await books.settle(call_end(new_call()))  # without a row
    assert await select(store, "nano_usd", "calls") == [(300,)]
    assert await select(store, WINDOW, "windows") == [(300, 0)]
    assert await select(store, "calls, nano_usd", "usage_hours") == [(1, 300)]


async def test_budgets_of_parents_and_tags_count_too(store: Store) -> None:
    await put_caller(store, "alice", parent="team")
    await put_caller(store, "team", parent="company")
    await put_budget(store, 50_000, caller="company", id_="1-company", period="total")
    await put_budget(store, 40_000, caller="team", id_="2-team", period="month")
    await put_budget(store, 30_000, caller="", tag="project=x", id_="3-tag", period="week")
    await put_budget(store, 1, caller="bob", id_="4-bob")
    call = new_call(tags={"project": "x", "other": "y"})
    async with open_books(store) as books:
        await books.reserve(call)
        await books.settle(call_end(call))
    assert await select(store, f"budget_id, starts_at, {WINDOW}", "windows") == [
        ("1-company", 0, 300, 0),
        ("2-team", to_us(MIDNIGHT.replace(day=1)), 300, 0),
        ("3-tag", to_us(MIDNIGHT.replace(day=23)), 300, 0),
    ]


async def test_one_full_budget_of_several_refuses_and_leaves_the_others_unchanged(store: Store) -> None:
    await put_budget(store, 50_000, id_="large", period="month")
    await put_budget(store, 10, id_="small")
    async with open_books(store) as books:
        with pytest.raises(BudgetExceeded):
            await books.reserve(new_call())
    assert await select(store, WINDOW, "windows") == [(0, 0), (0, 0)]


async def test_a_call_without_a_price_is_refused_only_under_a_budget(store: Store) -> None:
    async with open_books(store) as books:
        assert not (await books.reserve(new_call(bound_nano_usd=None))).is_under_budget
        await put_budget(store, 10_000)
        with pytest.raises(PriceUnknown):
            await books.reserve(new_call(bound_nano_usd=None))


async def test_a_budget_that_only_warns_refuses_nothing(store: Store) -> None:
    await put_budget(store, 10, is_warning_only=1)
    call = new_call()
    async with open_books(store) as books:
        assert not (await books.reserve(call)).is_under_budget
        await books.reserve(new_call(bound_nano_usd=None))
        await books.settle(call_end(call))
    assert await select(store, WINDOW, "windows") == [(300, 0)]


async def test_a_raise_counts_until_it_ends(store: Store) -> None:
    clock = Clock()
    await put_budget(store, 1_000, raised_by_nano_usd=1_000, raised_until=to_us(NOON + timedelta(hours=1)))
    async with open_books(store, now=clock) as books:
        await books.reserve(new_call())
        second = new_call()
        await books.reserve(second)
        await books.settle(call_end(second, may_have_worked=False, nano_usd=None))
        clock.move(hours=2)
        with pytest.raises(BudgetExceeded, match=r"0\.000001"):
            await books.reserve(new_call())


async def test_a_new_window_begins_by_itself_and_a_call_stays_in_the_one_it_was_reserved_in(store: Store) -> None:
    clock = Clock()
    await put_budget(store, 1_500)
    call, next_day = new_call(), new_call()
    async with open_books(store, now=clock) as books:
        await books.reserve(call)
        clock.move(hours=12)
        await books.reserve(next_day)
        await books.settle(call_end(call))
    assert await select(store, f"starts_at, {WINDOW}", "windows") == [
        (to_us(MIDNIGHT), 300, 0),
        (to_us(MIDNIGHT + timedelta(days=1)), 0, 1000),
    ]


async def test_a_call_that_its_own_limits_refuse_is_written_as_refused(store: Store) -> None:
    refusal = PermissionDenied("the model is not among those of alice")
    async with open_books(store) as books:
        with pytest.raises(PermissionDenied):
            await books.reserve(new_call(refusal=refusal))
    assert await select(store, "state, outcome, is_failed", "calls") == [("refused", "PERMISSION_DENIED", 1)]


async def test_refusals_write_60_rows_a_minute_and_are_all_counted(store: Store) -> None:
    clock = Clock()
    await put_budget(store, 10)
    async with open_books(store, now=clock) as books:
        for count in (70, 10):
            calls = (new_call(model=f"{count} {number}") for number in range(count))
            outcomes = await asyncio.gather(*(books.reserve(call) for call in calls), return_exceptions=True)
            assert all(isinstance(outcome, BudgetExceeded) for outcome in outcomes)
            clock.move(seconds=5)
    assert await select(store, "COUNT(*)", "calls") == [(65,)]
    usage = await select(store, "outcome, SUM(calls), SUM(failed)", "usage_hours", group_by="outcome")
    assert usage == [("BUDGET_EXCEEDED", 80, 80)]
    assert await select(store, "calls", "usage_hours", "model = ''") == [(15,)]  # no caller fills it with names


async def test_a_call_that_was_refused_by_a_commit_that_nobody_heard_of_is_refused_again(store: Store) -> None:
    await put_budget(store, 10)
    call = new_call()
    async with open_books(store) as books:
        for _ in range(2):
            with pytest.raises(BudgetExceeded):
                await books.reserve(call)
        await put_budget(store, 10_000)
        with pytest.raises(LedgerUnavailable):
            await books.reserve(call)
    assert await select(store, "state", "calls") == [("refused",)]
    assert await select(store, "calls, failed", "usage_hours") == [(1, 1)]
    assert await select(store, "spent_nano_usd, reserved_nano_usd", "windows") == [(0, 0)]


async def test_joined_requests_are_counted_before_and_after_the_end(store: Store) -> None:
    call = new_call()
    async with open_books(store) as books:
        await books.reserve(call)
        books.note_joined(call.id)
        books.note_joined(call.id)
        await books.settle(call_end(call))
        books.note_joined(call.id)
        books.note_joined("no such call")
    assert await select(store, "joined", "calls") == [(3,)]
    assert await select(store, "calls, joined", "usage_hours") == [(1, 3)]


async def test_usage_adds_up_by_hour_account_and_outcome(store: Store) -> None:
    calls = [new_call(), new_call(caller="alice"), new_call(started_at=NOON + timedelta(hours=1))]
    failed = new_call()
    async with open_books(store) as books:
        for call in (*calls, failed):
            await books.reserve(call)
        for call in calls:
            await books.settle(call_end(call, cache_read_tokens=2))
        await books.settle(call_end(failed, outcome="PROVIDER_PROTOCOL", is_failed=True, nano_usd=None))
    assert await select(store, "hour, outcome, calls, failed, input_tokens, cache_read_tokens", "usage_hours") == [
        (to_us(NOON), "PROVIDER_PROTOCOL", 1, 1, 3, 0),
        (to_us(NOON), "STOP", 2, 0, 6, 4),
        (to_us(NOON + timedelta(hours=1)), "STOP", 1, 0, 3, 2),
    ]


async def test_a_threshold_is_reported_once_per_window(store: Store) -> None:
    await put_budget(store, 1_000)
    async with open_books(store, thresholds=(50, 80, 100)) as books:
        for nano_usd in (300, 300, 300, 50):
            call = new_call(bound_nano_usd=50)
            await books.reserve(call)
            await books.settle(call_end(call, nano_usd=nano_usd))
    assert await select(store, "threshold, spent_nano_usd, limit_nano_usd", "alerts") == [
        (50, 600, 1000),
        (80, 900, 1000),
    ]


async def test_thresholds_that_are_passed_by_the_end_of_a_raise_are_reported_at_the_next_call(store: Store) -> None:
    clock = Clock()
    ends_us = to_us(clock.time) + US_PER_S
    await put_budget(store, 1_000, raised_by_nano_usd=2_000, raised_until=ends_us)
    async with open_books(store, thresholds=(50, 80, 100), now=clock) as books:
        call = new_call(bound_nano_usd=900)
        await books.reserve(call)
        await books.settle(call_end(call, nano_usd=900))  # 30 % of the raised limit
        assert await select(store, "threshold", "alerts") == []
        clock.move(seconds=1)
        for _ in range(2):
            with pytest.raises(BudgetExceeded):
                await books.reserve(new_call(bound_nano_usd=101))
    assert await select(store, "threshold, spent_nano_usd, limit_nano_usd", "alerts") == [
        (50, 900, 1000),
        (80, 900, 1000),
    ]


async def test_a_cancelled_reservation_is_released_by_settling(store: Store) -> None:
    await put_budget(store, 10_000)
    call = new_call()
    async with open_books(store) as books:
        reserving = asyncio.ensure_future(books.reserve(call))
        await asyncio.sleep(0)
        reserving.cancel()
        await books.settle(call_end(call, nano_usd=None, may_have_worked=False))
        with pytest.raises(asyncio.CancelledError):
            await reserving
    assert await select(store, "state", "calls") in ([], [("settled",)])
    assert await select(store, WINDOW, "windows") in ([], [(0, 0)])


async def test_a_change_of_policy_applies_to_the_next_call_of_another_process(store: Store) -> None:
    async with open_books(store) as books:
        await books.reserve(new_call())
        await put_budget(store, 1)  # as another process does
        with pytest.raises(BudgetExceeded):
            await books.reserve(new_call())


async def test_text_that_a_database_cannot_store_fails_only_its_own_call(store: Store) -> None:
    bad, good = new_call(request_id="\ud800\x00"), new_call()
    async with open_books(store) as books:
        outcomes = await asyncio.gather(books.reserve(bad), books.reserve(good), return_exceptions=True)
        assert not isinstance(outcomes[1], BaseException)
        await books.settle(dataclasses.replace(call_end(good), outcome="a\x00b\udfff"))
    assert await select(store, "state", "calls", f"id = '{good.id}'") == [("settled",)]


async def test_text_that_is_too_long_for_a_key_stops_no_call(store: Store) -> None:
    endless = "".join(Random(1).choices(ascii_letters, k=20_000))
    async with open_books(store) as books:
        for call in (new_call(), new_call(model=endless)):
            await books.reserve(call)
            await books.settle(call_end(call, model=endless, service_tier=endless))
        assert books.is_writable
    assert await select(store, "state, COUNT(*)", "calls", group_by="state") == [("settled", 2)]
    [(kept, _)] = await select(store, "model, SUM(calls)", "usage_days", group_by="model")
    assert endless.startswith(kept)


@pytest.mark.parametrize("is_warning_only", [False, True])
async def test_absurd_counts_of_a_provider_stop_no_call_and_leave_the_sums_intact(
    store: Store, is_warning_only: bool
) -> None:
    await put_budget(store, 10**18, is_warning_only=int(is_warning_only))
    absurd = (1 << 63) - 1
    async with open_books(store) as books:
        calls = [new_call(bound_nano_usd=absurd) for _ in range(5)]
        for call in calls:
            await books.reserve(call)
        for call in calls:
            await books.settle(call_end(call, nano_usd=absurd, input_tokens=absurd, output_tokens=10**30))
        await books.reserve(new_call())
    assert await select(store, WINDOW, "windows") == [(5 * MOST_NANO_USD, 1000)]
    sums = await select(store, "calls, nano_usd, charged_nano_usd, input_tokens, output_tokens", "usage_hours")
    assert sums == [(5, 5 * MOST_NANO_USD, 5 * MOST_NANO_USD, 5 * MOST_TOKENS, 5 * MOST_TOKENS)]
    assert all(isinstance(number, int) for number in sums[0])
