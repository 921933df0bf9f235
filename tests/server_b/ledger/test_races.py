"""Many processes on one budget: the limit is never exceeded, and every call is counted once."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from llm_relay.messages.accounts import Period
from server_b.ledger.open_ledger import open_store
from server_b.ledger.transactions import Store
from tests.support.money import put_budget, select
from tests.support.postgres import PostgresServer
from tests.support.racing import BOUND, COST

pytestmark = [pytest.mark.anyio, pytest.mark.faults]
CALLS, AT_ONCE = 300, 50
LIMIT = 40 * BOUND


async def race(url: str, processes: int) -> Counter[str]:
    """Runs several processes on a ledger at once; returns the outcomes of all their calls."""
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.support.racing",
            url,
            str(CALLS),
            str(AT_ONCE),
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(processes)
    ]
    outcomes: Counter[str] = Counter()
    for process in started:
        written, _ = await process.communicate()
        assert process.returncode == 0
        outcomes.update(json.loads(written))
    return outcomes


async def most_taken(store: Store, stop: asyncio.Event) -> int:
    """Watches the budget's window; returns the largest sum that was spent and reserved at any time."""
    most = 0
    while not stop.is_set():
        for (taken,) in await select(store, "spent_nano_usd + reserved_nano_usd", "windows"):
            most = max(most, taken)
        await asyncio.sleep(0.001)
    return most


async def check(store: Store, url: str, processes: int) -> None:
    """Runs a race, and compares the budget, the rows and the roll-up with what the processes saw."""
    await put_budget(store, LIMIT, period=Period.TOTAL.value)
    stop = asyncio.Event()
    watching = asyncio.ensure_future(most_taken(store, stop))
    outcomes = await race(url, processes)
    stop.set()
    assert await watching <= LIMIT
    assert outcomes.total() == processes * CALLS
    assert outcomes["BUDGET_EXCEEDED"] > 0
    ((spent, reserved),) = await select(store, "spent_nano_usd, reserved_nano_usd", "windows")
    assert (spent, reserved) == (outcomes["paid"] * COST, 0)
    assert LIMIT / 2 < spent <= LIMIT
    counted = await select(
        store, "state, COUNT(*), SUM(charged_nano_usd)", "calls", "state <> 'refused'", group_by="state"
    )
    rows = outcomes["paid"] + outcomes["released"]
    unavailable = counted[0][1] - rows  # calls that were written and then refused, because their client got no reply
    assert counted == [("settled", rows + unavailable, spent)]
    assert unavailable <= outcomes["LEDGER_UNAVAILABLE"]
    for table in ("usage_hours", "usage_days"):
        assert await select(store, "SUM(nano_usd), SUM(charged_nano_usd)", table) == [(spent, spent)]


async def test_four_processes_on_one_file_never_exceed_the_limit(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'relay.db'}"
    store = await open_store(url, folder=tmp_path)
    await check(store, url, 4)
    await store.aclose()


async def test_three_servers_on_postgresql_never_exceed_the_limit(postgres: PostgresServer, tmp_path: Path) -> None:
    url = postgres.create_database("races")
    store = await open_store(url, folder=tmp_path)
    await check(store, url, 3)
    await store.aclose()
