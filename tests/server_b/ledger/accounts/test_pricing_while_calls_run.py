"""Two admins price calls afterwards while two servers make calls: each call is priced once, and nobody deadlocks."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from llm_relay.messages import Cost
from llm_relay.messages.accounts import Budget, CallQuery, Period, UsageQuery
from server_b.ledger.base import Ledger
from server_b.ledger.entries import NewCall
from server_b.ledger.open_ledger import POSTGRES, open_ledger
from tests.server_b.ledger.ledger_calls import end_of, new_call

pytestmark = pytest.mark.anyio

UNKNOWN, COST, BOUND = 300, 100, 500
CHANCE = random.Random(1)


def some_call() -> NewCall:
    tags = {"project": CHANCE.choice("abc")}
    return new_call(datetime.now(UTC), CHANCE.choice(["alice", "bob"]), tags=tags, bound=BOUND)


async def spend_unknown(ledger: Ledger) -> str:
    call = some_call()
    await ledger.reserve(call)
    await ledger.settle(end_of(call, None))
    return call.id


async def go_on(ledger: Ledger, ids: Sequence[str], stop: asyncio.Event) -> int:
    """Makes calls, and repeats earlier ones, whose rows then change too; returns how many it made."""
    made = 0
    while not stop.is_set():
        for _ in range(8):
            ledger.note_joined(CHANCE.choice(ids))
        call = some_call()
        await ledger.reserve(call)
        await ledger.settle(end_of(call, COST))
        made += 1
    return made


async def check_deadlocks(url: str) -> None:
    """Asks PostgreSQL, which counts them; SQLite has none."""
    if url.startswith(POSTGRES):
        async with await psycopg.AsyncConnection.connect(url) as connection:
            rows = await connection.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
            assert await rows.fetchall() == [(0,)]


async def test_each_call_is_priced_once(ledger_url: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        servers = [await open_ledger(ledger_url, folder=tmp_path) for _ in range(2)]
        for server in servers:
            stack.push_async_callback(server.aclose, grace_s=5)
        for scope in ({"caller": "alice"}, {"caller": "bob"}, *({"tag": f"project={name}"} for name in "abc")):
            budget = Budget(**scope, period=Period.TOTAL, time_zone="UTC", limit_nano_usd=10**12)  # type: ignore[arg-type]
            await servers[0].put_budget(budget, by="root")
        ids = await asyncio.gather(*(spend_unknown(servers[number % 2]) for number in range(UNKNOWN)))
        stop = asyncio.Event()
        going_on = [asyncio.create_task(go_on(server, ids, stop)) for server in servers for _ in range(3)]
        repricings = await asyncio.gather(
            *(
                server.price_unknown(lambda _: Cost(usd=Decimal(COST) / 10**9), query=CallQuery(), by="root")
                for server in servers
            )
        )
        stop.set()
        calls = UNKNOWN + sum([await task for task in going_on])
        assert sum(one.priced for one in repricings) == UNKNOWN
        assert sum(one.nano_usd for one in repricings) == UNKNOWN * COST
        [usage] = await servers[0].usage(UsageQuery())
        assert (usage.nano_usd, usage.charged_nano_usd, usage.unknown_cost_calls) == (calls * COST, calls * COST, 0)
        budgets = await servers[0].list_budgets()
        by_caller = sum(budget.spent_nano_usd for budget in budgets if budget.caller)
        by_tag = sum(budget.spent_nano_usd for budget in budgets if budget.tag)
        assert (by_caller, by_tag) == (calls * COST, calls * COST)
    await check_deadlocks(ledger_url)
