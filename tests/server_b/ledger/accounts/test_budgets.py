"""Budgets that admins create and change: which calls count in their windows."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from llm_relay.errors import BudgetExceeded, InvalidRequest
from llm_relay.messages.accounts import Adjustment, Budget, CallerAccount, Period
from server_b.ledger.base import Ledger
from server_b.ledger.open_ledger import open_ledger
from tests.server_b.ledger.ledger_calls import Clock, end_of, new_call, spend

pytestmark = pytest.mark.anyio

ALICE = Budget(caller="alice", period=Period.MONTH, limit_nano_usd=10_000, time_zone="UTC")


async def only(ledger: Ledger) -> Budget:
    [budget] = await ledger.list_budgets()
    return budget


async def test_a_new_budget_counts_what_was_charged_in_its_window_before(ledger: Ledger, clock: Clock) -> None:
    now = clock.now
    clock.now = datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC)
    await spend(ledger, clock.now, 1)
    clock.now = now
    await spend(ledger, datetime(2026, 11, 1, tzinfo=UTC), 20)
    await spend(ledger, now, 300, "gateway/alice")
    await spend(ledger, now, 4000, "bob")
    made = await ledger.put_budget(ALICE, by="root")
    assert made.spent_nano_usd == 320
    assert (await ledger.put_budget(replace(ALICE, period=Period.TOTAL), by="root")).spent_nano_usd == 321
    assert (await ledger.put_budget(replace(ALICE, period=Period.DAY), by="root")).spent_nano_usd == 300


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Asia/Kolkata", "America/St_Johns", "Europe/Berlin"])
async def test_a_day_that_begins_and_ends_within_an_hour_is_counted_exactly(
    ledger: Ledger, clock: Clock, zone: str
) -> None:
    budget = replace(ALICE, period=Period.DAY, time_zone=zone, limit_nano_usd=100_000)
    made = await ledger.put_budget(budget, by="root")
    await ledger.delete_budget(made.id, by="root")
    assert made.starts_at is not None
    assert made.resets_at is not None
    moment = timedelta(microseconds=1)
    clock.now = made.resets_at - moment
    for at, nano_usd in (
        (made.starts_at - moment, 1),
        (made.starts_at, 20),
        (made.starts_at + timedelta(hours=2), 300),
        (made.resets_at - moment, 4000),
        (made.resets_at, 50_000),
    ):
        await spend(ledger, at, nano_usd)
    assert (await ledger.put_budget(budget, by="root")).spent_nano_usd == 4320


async def test_a_teams_new_budget_counts_its_members(ledger: Ledger, clock: Clock) -> None:
    await ledger.put_caller(CallerAccount(name="alice", parent="team"), by="root")
    await ledger.put_caller(CallerAccount(name="team", parent="firm"), by="root")
    await spend(ledger, clock.now, 20)
    await spend(ledger, clock.now, 300, "team")
    await spend(ledger, clock.now, 4000, "bob")
    made = await ledger.put_budget(replace(ALICE, caller="firm"), by="root")
    assert made.spent_nano_usd == 320
    assert (await ledger.list_budgets(caller="alice"))[0].id == made.id
    assert await ledger.list_budgets(caller="bob") == []


async def test_a_tags_new_budget_counts_the_calls_with_that_tag(ledger: Ledger, clock: Clock) -> None:
    await spend(ledger, clock.now, 20, tags={"project": "search", "x": "y"})
    await spend(ledger, clock.now, 300, "bob", tags={"a": "b", "project": "search"})
    for tags in ({"project": "Search"}, {"project": "search2"}, {"my-project": "search"}, {"a": "project=search"}, {}):
        await spend(ledger, clock.now, 4000, tags=tags)
    made = await ledger.put_budget(replace(ALICE, caller="", tag="project=search"), by="root")
    assert made.spent_nano_usd == 320


async def test_the_budgets_of_an_account_include_those_of_its_tags(ledger: Ledger) -> None:
    await ledger.put_caller(CallerAccount(name="alice", tags={"team": "a"}), by="root")
    own, of_its_tag, _ = [
        await ledger.put_budget(replace(ALICE, **scope), by="root")  # type: ignore[arg-type]
        for scope in ({}, {"caller": "", "tag": "team=a"}, {"caller": "", "tag": "team=b"})
    ]
    assert {one.id for one in await ledger.list_budgets(caller="alice")} == {own.id, of_its_tag.id}
    assert await ledger.list_budgets(caller="bob") == []


@pytest.mark.parametrize("value", ['say "hi"', "a\\b", "zürich", "tab\there", "a, b: c", "", "%_'"])
async def test_a_tag_may_have_any_text(ledger: Ledger, clock: Clock, value: str) -> None:
    await spend(ledger, clock.now, 20, tags={"k": value, "other": "x"})
    await spend(ledger, clock.now, 300, tags={"k": value + "x"})
    made = await ledger.put_budget(replace(ALICE, caller="", tag=f"k={value}"), by="root")
    assert made.spent_nano_usd == 20


async def test_open_calls_join_a_new_budget_and_are_settled_in_it(ledger: Ledger, clock: Clock) -> None:
    call = new_call(clock.now, bound=7000)
    await ledger.reserve(call)
    made = await ledger.put_budget(ALICE, by="root")
    assert (made.spent_nano_usd, made.reserved_nano_usd) == (0, 7000)
    with pytest.raises(BudgetExceeded):
        await spend(ledger, clock.now, 0, bound=3001)
    await ledger.settle(end_of(call, 600))
    now = await only(ledger)
    assert (now.spent_nano_usd, now.reserved_nano_usd) == (600, 0)


async def test_another_amount_keeps_the_window_and_another_period_starts_its_own(ledger: Ledger, clock: Clock) -> None:
    await spend(ledger, clock.now - timedelta(days=3), 20)
    made = await ledger.put_budget(ALICE, by="root")
    call = new_call(clock.now, bound=500)
    await ledger.reserve(call)
    raised = await ledger.put_budget(replace(ALICE, limit_nano_usd=20_000), by="root")
    assert (raised.id, raised.spent_nano_usd, raised.reserved_nano_usd) == (made.id, 20, 500)
    daily = await ledger.put_budget(replace(made, period=Period.DAY), by="root")
    assert (daily.id, daily.spent_nano_usd, daily.reserved_nano_usd) == (made.id, 0, 500)
    await ledger.settle(end_of(call, 400))
    monthly = await ledger.put_budget(replace(made, period=Period.MONTH), by="root")
    assert (monthly.spent_nano_usd, monthly.reserved_nano_usd) == (420, 0)


async def test_a_call_from_before_the_new_window_leaves_it(ledger: Ledger, clock: Clock) -> None:
    made = await ledger.put_budget(ALICE, by="root")
    call = new_call(clock.now - timedelta(days=2), bound=500)
    await ledger.reserve(call)
    daily = await ledger.put_budget(replace(made, period=Period.DAY), by="root")
    assert daily.reserved_nano_usd == 0
    await ledger.settle(end_of(call, 400))
    assert (await only(ledger)).spent_nano_usd == 0


async def test_a_budget_keeps_its_zone_and_a_new_one_has_the_ledgers(ledger: Ledger) -> None:
    made = await ledger.put_budget(replace(ALICE, time_zone=""), by="root")
    assert made.time_zone == "Europe/Berlin"
    kept = await ledger.put_budget(replace(ALICE, time_zone="Asia/Tokyo"), by="root")
    again = await ledger.put_budget(replace(ALICE, time_zone=""), by="root")
    assert (kept.id, again.time_zone) == (made.id, "Asia/Tokyo")


async def test_a_budget_cannot_change_its_owner_or_become_another(ledger: Ledger) -> None:
    made = await ledger.put_budget(ALICE, by="root")
    with pytest.raises(InvalidRequest, match="must stay caller:alice"):
        await ledger.put_budget(replace(made, caller="bob"), by="root")
    await ledger.put_budget(replace(ALICE, period=Period.DAY), by="root")
    with pytest.raises(InvalidRequest, match="period"):
        await ledger.put_budget(replace(made, period=Period.DAY), by="root")
    with pytest.raises(InvalidRequest, match="there is no budget 'x'"):
        await ledger.put_budget(replace(made, id="x"), by="root")
    with pytest.raises(InvalidRequest, match="there is no budget 'x'"):
        await ledger.delete_budget("x", by="root")


async def test_a_deleted_budget_refuses_nothing_and_a_new_one_counts_again(ledger: Ledger, clock: Clock) -> None:
    made = await ledger.put_budget(replace(ALICE, limit_nano_usd=0), by="root")
    with pytest.raises(BudgetExceeded):
        await spend(ledger, clock.now, 1)
    await ledger.delete_budget(made.id, by="root")
    await spend(ledger, clock.now, 30)
    again = await ledger.put_budget(ALICE, by="root")
    assert (again.id != made.id, again.spent_nano_usd) == (True, 30)


async def test_a_raise_holds_until_its_end(ledger: Ledger, clock: Clock) -> None:
    until = clock.now + timedelta(hours=1)
    raised = replace(ALICE, limit_nano_usd=100, raised_by_nano_usd=900, raised_until=until)
    assert (await ledger.put_budget(raised, by="root")).raised_until == until
    await spend(ledger, clock.now, 500)
    clock.now = until
    with pytest.raises(BudgetExceeded):
        await spend(ledger, clock.now, 1, bound=1)
    ended = await only(ledger)
    assert (ended.raised_by_nano_usd, ended.raised_until) == (0, None)


async def test_a_raise_of_a_while_is_kept_by_other_changes(ledger: Ledger, clock: Clock) -> None:
    made = await ledger.put_budget(ALICE, by="root")
    raised = await ledger.raise_budget(made.id, 900, until=None, by="root")
    assert (raised.raised_by_nano_usd, raised.raised_until) == (900, made.resets_at)
    changed = await ledger.put_budget(replace(ALICE, limit_nano_usd=100, time_zone=""), by="root")
    assert (changed.limit_nano_usd, changed.raised_by_nano_usd, changed.time_zone) == (100, 900, ALICE.time_zone)
    until = clock.now + timedelta(hours=1)
    assert (await ledger.raise_budget(made.id, 5, until=until, by="root")).raised_until == until
    ended = await ledger.raise_budget(made.id, 0, until=until, by="root")
    assert (ended.limit_nano_usd, ended.raised_by_nano_usd, ended.raised_until) == (100, 0, None)


async def test_a_raise_that_makes_no_sense_names_the_field(ledger: Ledger, clock: Clock) -> None:
    made = await ledger.put_budget(replace(ALICE, period=Period.TOTAL), by="root")
    for budget_id, nano_usd, until, field in (
        (made.id, 5, None, "until: is required"),
        (made.id, 5, clock.now, "until: must be in the future"),
        (made.id, -5, None, "nano_usd: must be 0 or more"),
        (made.id, 2**63, None, "nano_usd: must be 0 or more"),
        ("nobody's", 5, None, "budget_id: there is no budget"),
    ):
        with pytest.raises(InvalidRequest, match=field):
            await ledger.raise_budget(budget_id, nano_usd, until=until, by="root")
    assert (await only(ledger)).raised_until is None


async def test_a_lower_limit_holds_although_another_admin_raises_the_budget_meanwhile(
    ledger: Ledger, ledger_url: str, tmp_path: Path, clock: Clock
) -> None:
    made = await ledger.put_budget(ALICE, by="root")
    other = await open_ledger(ledger_url, folder=tmp_path, now=clock)
    for limit in range(1, 11):
        await asyncio.gather(
            ledger.put_budget(replace(ALICE, limit_nano_usd=limit), by="root"),
            other.raise_budget(made.id, 100 + limit, until=None, by="other"),
        )
        budget = await only(ledger)
        assert (budget.limit_nano_usd, budget.raised_by_nano_usd) == (limit, 100 + limit)
    await other.aclose(grace_s=5)


async def test_a_correction_changes_the_windows_in_which_the_call_counts(ledger: Ledger, clock: Clock) -> None:
    before = await spend(ledger, clock.now, 500)
    await ledger.put_budget(ALICE, by="root")
    after = await spend(ledger, clock.now, 500)
    other = await spend(ledger, clock.now, 500, "bob")
    for call, nano_usd in ((before, -100), (after, 30), (other, 7)):
        await ledger.adjust(Adjustment(call_id=call, nano_usd=nano_usd, reason="credit"), by="root")
    assert (await only(ledger)).spent_nano_usd == 930


async def test_a_correction_of_an_earlier_windows_call_leaves_the_current_window(ledger: Ledger, clock: Clock) -> None:
    await ledger.put_budget(replace(ALICE, period=Period.DAY), by="root")
    call = await spend(ledger, clock.now, 500)
    clock.now += timedelta(days=1)
    await spend(ledger, clock.now, 3)
    await ledger.adjust(Adjustment(call_id=call, nano_usd=100, reason="late fee"), by="root")
    assert (await only(ledger)).spent_nano_usd == 3
    clock.now -= timedelta(days=1)
    assert (await only(ledger)).spent_nano_usd == 600


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Period.TOTAL, Period.MONTH),
        (Period.MONTH, Period.DAY),  # the month's window begins when a day's does, but not the call's day
        (Period.WEEK, Period.DAY),
        (Period.DAY, Period.WEEK),
        (Period.DAY, Period.TOTAL),
    ],
)
async def test_a_correction_finds_a_call_that_was_reserved_in_another_period(
    ledger: Ledger, clock: Clock, before: Period, after: Period
) -> None:
    made = await ledger.put_budget(replace(ALICE, period=before), by="root")
    call = await spend(ledger, clock.now, 500)
    await ledger.put_budget(replace(made, period=after), by="root")
    await ledger.adjust(Adjustment(call_id=call, nano_usd=-100, reason="credit"), by="root")
    assert (await only(ledger)).spent_nano_usd == 400


async def test_a_tags_budget_counts_the_same_calls_before_and_after_it_is_made(ledger: Ledger, clock: Clock) -> None:
    tags: list[dict[str, str]] = [{"a": "b=c"}, {"a=b": "c"}]
    for each in tags:
        await spend(ledger, clock.now, 5, tags=each)
    made = await ledger.put_budget(replace(ALICE, caller="", tag="a=b=c"), by="root")
    for each in tags:
        await spend(ledger, clock.now, 7, tags=each)
    assert (made.spent_nano_usd, (await only(ledger)).spent_nano_usd) == (5, 12)
