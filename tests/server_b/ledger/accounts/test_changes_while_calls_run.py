"""Admins change budgets, callers and costs while calls of two servers begin and end: every sum stays exact."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from llm_relay.errors import BudgetExceeded, InvalidRequest
from llm_relay.messages.accounts import (
    Adjustment,
    Budget,
    CallEntry,
    CallerAccount,
    CallQuery,
    CallState,
    Dimension,
    Period,
    UsageQuery,
)
from server_b.ledger.base import Ledger
from server_b.ledger.entries import NewCall
from server_b.ledger.open_ledger import open_ledger
from server_b.ledger.transactions import Store
from tests.server_b.ledger.ledger_calls import end_of, new_call
from tests.support.money import open_books, wait_for_rows

pytestmark = pytest.mark.anyio

ENOUGH = 10**12
CALLS = 150
OLD = 50


@pytest.fixture
async def servers(ledger_url: str, tmp_path: Path) -> AsyncIterator[list[Ledger]]:
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(2):
            opened.append(await open_ledger(ledger_url, folder=tmp_path))
            stack.push_async_callback(opened[-1].aclose, grace_s=5)
        yield opened


async def every_call(ledger: Ledger) -> list[CallEntry]:
    calls: list[CallEntry] = []
    query = CallQuery(limit=1000)
    while True:
        page = await ledger.calls(query)
        calls += page.calls
        if not page.next_page_token:
            return calls
        query = replace(query, page_token=page.next_page_token)


async def work(ledger: Ledger, chance: random.Random, begun: asyncio.Event, half_done: asyncio.Event) -> None:
    """Makes calls of two callers with and without a tag, at known and unknown costs."""
    for number in range(CALLS):
        if number == CALLS // 2:
            half_done.set()
        tags = {"project": "a"} if chance.random() < 0.5 else {}
        call = new_call(datetime.now(UTC), chance.choice(["alice", "gateway/alice", "bob"]), tags=tags)
        await ledger.reserve(call)
        begun.set()
        await asyncio.sleep(chance.random() / 200)
        await ledger.settle(end_of(call, chance.choice([None, 0, chance.randrange(3000)])))


async def administer(ledger: Ledger, chance: random.Random, begun: asyncio.Event, half_done: asyncio.Event) -> None:
    """Makes changes while calls run. Calls continue after the last change, so that no recount hides a wrong sum."""
    await begun.wait()
    total = Budget(caller="alice", period=Period.TOTAL, limit_nano_usd=ENOUGH, time_zone="UTC")
    await ledger.put_budget(replace(total, caller="team"), by="root")
    tagged = await ledger.put_budget(replace(total, caller="", tag="project=a"), by="root")
    while not half_done.is_set():
        made = await ledger.put_budget(total, by="root")
        await ledger.put_budget(replace(tagged, time_zone=chance.choice(["UTC", "Asia/Tokyo"])), by="root")
        await correct(ledger, chance)
        await ledger.put_budget(replace(made, period=Period.MONTH), by="root")
        await correct(ledger, chance)
        await ledger.put_budget(replace(made, limit_nano_usd=ENOUGH + chance.randrange(100)), by="root")
        if chance.random() < 0.3:
            await ledger.delete_budget(made.id, by="root")
    await ledger.put_budget(total, by="root")
    await correct(ledger, chance)


async def settle_old(ledger: Ledger, calls: list[NewCall], chance: random.Random) -> None:
    """Settles calls that began long ago, one after another while others run."""
    for call in calls:
        await asyncio.sleep(chance.random() / 50)
        await ledger.settle(end_of(call, chance.choice([None, chance.randrange(3000)])))


async def correct(ledger: Ledger, chance: random.Random) -> None:
    """Corrects some of the newest calls that have ended."""
    for call in (await ledger.calls(CallQuery(limit=3, state=CallState.SETTLED))).calls:
        more = chance.randrange(-200, 200)
        try:
            await ledger.adjust(Adjustment(call_id=call.id, nano_usd=more, reason="x"), by="root")
        except InvalidRequest:
            assert (call.nano_usd or 0) + more < 0


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_sum_stays_exact(servers: list[Ledger], seed: int) -> None:
    chance, begun, half_done = random.Random(seed), asyncio.Event(), asyncio.Event()
    for name in ("alice", "bob"):
        await servers[0].put_caller(CallerAccount(name=name, parent="team"), by="root")
    old = [new_call(datetime.now(UTC) - timedelta(hours=1), tags={"project": "a"}) for _ in range(OLD)]
    await asyncio.gather(*(servers[0].reserve(call) for call in old))
    admin = asyncio.create_task(administer(servers[1], random.Random(seed), begun, half_done))
    settling = settle_old(servers[0], old, random.Random(seed))
    await asyncio.gather(settling, *(work(server, chance, begun, half_done) for server in servers for _ in range(3)))
    await admin
    calls = await every_call(servers[0])
    assert len(calls) == 6 * CALLS + OLD
    charged = {
        "caller:alice": sum(call.charged_nano_usd for call in calls if call.caller != "bob"),
        "caller:team": sum(call.charged_nano_usd for call in calls),
        "tag:project=a": sum(call.charged_nano_usd for call in calls if call.tags),
    }
    budgets = await servers[0].list_budgets()
    assert {budget.scope: (budget.spent_nano_usd, budget.reserved_nano_usd) for budget in budgets} == {
        scope: (spent, 0) for scope, spent in charged.items()
    }
    usage = await servers[0].usage(UsageQuery(by=(Dimension.CALLER,), since=min(call.started_at for call in calls)))
    assert sum(group.charged_nano_usd for group in usage) == charged["caller:team"]
    assert sum(group.nano_usd for group in usage) == sum(call.nano_usd or 0 for call in calls)
    assert sum(group.unknown_cost_calls for group in usage) == sum(call.nano_usd is None for call in calls)


async def test_a_lower_limit_applies_at_once_to_every_server(servers: list[Ledger]) -> None:
    here, there = servers
    budget = Budget(caller="alice", period=Period.DAY, limit_nano_usd=10_000, time_zone="UTC")
    await here.put_budget(budget, by="root")
    await there.reserve(new_call(datetime.now(UTC), bound=600))
    await here.put_budget(replace(budget, limit_nano_usd=1000), by="root")
    with pytest.raises(BudgetExceeded):
        await there.reserve(new_call(datetime.now(UTC), bound=600))
    await here.delete_budget((await here.list_budgets())[0].id, by="root")
    await there.reserve(new_call(datetime.now(UTC), bound=600))


async def test_a_lost_call_that_was_corrected_is_settled_exactly(store: Store, ledger: Ledger) -> None:
    """Its server was only slow: its report replaces the admin's correction in the call, the window and the usage."""
    call = new_call(datetime(2026, 11, 26, 12, tzinfo=UTC))
    async with open_books(store) as slow:
        await slow.reserve(call)
    async with open_books(store, heartbeat_s=0.02, lease_s=0.2) as books:
        await wait_for_rows(store, [("lost",)], "state", "calls")
        await ledger.put_budget(
            Budget(caller="alice", period=Period.TOTAL, limit_nano_usd=ENOUGH, time_zone="UTC"), by="root"
        )
        await ledger.adjust(Adjustment(call_id=call.id, nano_usd=40, reason="the bill"), by="root")
        await books.settle(end_of(call, 70))
    [budget] = await ledger.list_budgets()
    [usage] = await ledger.usage(UsageQuery())
    assert (budget.spent_nano_usd, budget.reserved_nano_usd) == (70, 0)
    assert (usage.calls, usage.nano_usd, usage.charged_nano_usd, usage.unknown_cost_calls) == (1, 70, 70, 0)
