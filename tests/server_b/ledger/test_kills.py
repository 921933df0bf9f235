"""Servers that are killed at any moment: no call is lost from the books, doubled, or left open."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

import pytest

from llm_relay.messages.accounts import Period
from server_b.ledger.open_ledger import open_store
from tests.support.money import open_books, put_budget, select, wait_for_rows

pytestmark = [pytest.mark.anyio, pytest.mark.faults]
CYCLES, AT_ONCE = 8, 20


@pytest.mark.parametrize("seed", [1, 2])
async def test_budget_rows_and_usage_agree_after_every_kill(ledger_url: str, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    store = await open_store(ledger_url, folder=tmp_path)
    await put_budget(store, 10**15, period=Period.TOTAL.value)
    for _ in range(CYCLES):
        started = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.racing", ledger_url, "1000000", str(AT_ONCE)
        )
        ((before,),) = await select(store, "COUNT(*)", "calls")
        async with asyncio.timeout(60):
            while (await select(store, "COUNT(*)", "calls"))[0][0] <= before:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
        await asyncio.sleep(chance.uniform(0, 0.1))
        started.kill()
        await started.wait()
    async with open_books(store, heartbeat_s=0.05, lease_s=1):
        await wait_for_rows(store, [(0,)], "COUNT(*)", "calls", "state = 'open'")
    ((calls, charged),) = await select(store, "COUNT(*), CAST(SUM(charged_nano_usd) AS BIGINT)", "calls")
    assert calls > CYCLES
    assert await select(store, "spent_nano_usd, reserved_nano_usd", "windows") == [(charged, 0)]
    columns = "CAST(SUM(calls) AS BIGINT), CAST(SUM(charged_nano_usd) AS BIGINT)"
    for table in ("usage_hours", "usage_days"):
        assert await select(store, columns, table) == [(calls, charged)]
    wrong = "state = 'lost' AND (nano_usd IS NOT NULL OR charged_nano_usd <> reserved_nano_usd)"
    assert await select(store, "COUNT(*)", "calls", wrong) == [(0,)]
    await store.aclose()
