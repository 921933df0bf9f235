"""Old rows are deleted; usage and budgets stay."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from llm_relay.messages.accounts import Adjustment, Budget, CallQuery, Dimension, Period, UsageQuery
from server_b.ledger.base import Ledger
from server_b.ledger.retention import remove_old
from server_b.ledger.transactions import Store, Transaction
from tests.server_b.ledger.ledger_calls import Clock, new_call, spend

pytestmark = pytest.mark.anyio

TABLES = ("calls", "attempts", "reservations", "adjustments")


async def counts(store: Store) -> dict[str, Any]:
    async def read(transaction: Transaction) -> dict[str, Any]:
        return {table: (await transaction.fetch(f"SELECT COUNT(*) FROM {table}"))[0][0] for table in TABLES}

    return await store.read(read)


async def test_old_calls_are_deleted_with_all_that_belongs_to_them(ledger: Ledger, store: Store, clock: Clock) -> None:
    await ledger.put_budget(Budget(caller="alice", period=Period.TOTAL, limit_nano_usd=10**9), by="root")
    now = clock.now
    old = []
    for number in range(120):
        clock.now = now - timedelta(days=60, minutes=number)
        old.append(await spend(ledger, clock.now, 1))
    await ledger.adjust(Adjustment(call_id=old[0], nano_usd=4, reason="x"), by="root")
    still_open = new_call(clock.now)
    await ledger.reserve(still_open)
    clock.now = now
    kept = await spend(ledger, now - timedelta(days=29), 1)
    assert await counts(store) == {"calls": 122, "attempts": 121, "reservations": 122, "adjustments": 1}
    await remove_old(store, now, keep_days=30, pause_s=0)
    assert await counts(store) == {"calls": 2, "attempts": 1, "reservations": 2, "adjustments": 0}
    assert {call.id for call in (await ledger.calls(CallQuery())).calls} == {kept, still_open.id}
    [budget] = await ledger.list_budgets()
    assert (budget.spent_nano_usd, budget.reserved_nano_usd) == (125, 1000)


async def test_old_usage_is_kept_by_the_day(ledger: Ledger, store: Store, clock: Clock) -> None:
    for hour in range(72):
        await spend(ledger, datetime(2026, 6, 10, hour % 24, tzinfo=UTC) + timedelta(days=hour // 24), 1)
    query = UsageQuery(since=datetime(2026, 6, 1, tzinfo=UTC), by=(Dimension.DAY, Dimension.CALLER))
    before = await ledger.usage(query)
    assert len(before) == 3
    for _ in range(2):
        await remove_old(store, clock.now, keep_days=30, pause_s=0)
        for zone in ("UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Tokyo"):
            assert await ledger.usage(replace(query, time_zone=zone)) == before
    hours = await ledger.usage(replace(query, by=(Dimension.HOUR,)))
    assert [group.group["hour"] for group in hours] == [f"2026-06-{day}T12:00" for day in (10, 11, 12)]


async def test_recent_usage_is_kept_by_the_hour(ledger: Ledger, store: Store, clock: Clock) -> None:
    at = datetime(2026, 11, 1, 3, tzinfo=UTC)
    await spend(ledger, at, 1)
    await remove_old(store, clock.now, keep_days=1, pause_s=0)
    assert (await ledger.calls(CallQuery())).calls == ()
    [group] = await ledger.usage(UsageQuery(by=(Dimension.HOUR,)))
    assert group.group == {"hour": "2026-11-01T03:00"}
    made = await ledger.put_budget(
        Budget(caller="alice", period=Period.MONTH, limit_nano_usd=10, time_zone="UTC"), by="root"
    )
    assert made.spent_nano_usd == 1
