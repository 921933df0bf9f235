"""A ledger moves from SQLite to PostgreSQL without loss."""

import contextlib
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llm_relay.messages.accounts import (
    Adjustment,
    Budget,
    CallerAccount,
    CallQuery,
    CallState,
    Dimension,
    Period,
    Price,
    UsageQuery,
)
from server_b.ledger.base import Ledger
from server_b.ledger.copying import copy_ledger
from server_b.ledger.open_ledger import LedgerError, open_ledger
from tests.server_b.ledger.ledger_calls import end_of, new_call, spend
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.anyio

SOURCE = "sqlite:///relay.db"


@pytest.fixture
def target(postgres: PostgresServer, request: pytest.FixtureRequest) -> str:
    return postgres.create_database(f"copy_{abs(hash(request.node.name))}")


async def fill(ledger: Ledger) -> None:
    key = ""
    await ledger.put_caller(CallerAccount(name="alice", parent="team", tags={"a": "ö"}), by="root")
    await ledger.create_token("alice", label="x", expires_at=None, by="root")
    await ledger.put_budget(Budget(caller="team", period=Period.TOTAL, limit_nano_usd=10**9), by="root")
    await ledger.put_price(Price(pattern="openai/*", input=1, output=2), by="root")
    for number in range(30):
        key = await spend(ledger, datetime.now(UTC), number, tags={"n": str(number)})
    await ledger.adjust(Adjustment(call_id=key, nano_usd=7, reason="x"), by="root")
    await spend(ledger, datetime.now(UTC), None)
    await ledger.reserve(new_call(datetime.now(UTC)))


async def contents(ledger: Ledger) -> list[object]:
    since = datetime(2020, 1, 1, tzinfo=UTC)
    return [
        await ledger.list_callers(),
        await ledger.list_tokens(),
        await ledger.list_budgets(),
        await ledger.list_audit(),
        ledger.policy.prices,
        set(ledger.policy.tokens),
        await ledger.calls(CallQuery(limit=1000)),
        await ledger.usage(UsageQuery(since=since, by=(Dimension.CALLER, Dimension.DAY))),
    ]


async def test_everything_is_copied_and_the_copy_works(tmp_path: Path, target: str) -> None:
    before = await open_ledger(SOURCE, folder=tmp_path)
    await fill(before)
    there = await contents(before)
    await before.aclose(grace_s=5)
    told: dict[str, tuple[int, int]] = {}
    rows = await copy_ledger(
        SOURCE,
        target,
        folder=tmp_path,
        progress=lambda table, done, of: told.update({table: (done, of)}),
        rows_at_once=7,
    )
    assert told["calls"] == (32, 32)
    assert rows == sum(of for _, of in told.values())
    after = await open_ledger(target, folder=tmp_path)
    try:
        await after.refresh()
        assert await contents(after) == there
        [left_open] = (await after.calls(CallQuery(state=CallState.OPEN))).calls
        call = replace(new_call(left_open.started_at), id=left_open.id)
        await after.settle(end_of(call, 3))
        [budget] = await after.list_budgets()
        assert (budget.spent_nano_usd, budget.reserved_nano_usd) == (sum(range(30)) + 7 + 1000 + 3, 0)
    finally:
        await after.aclose(grace_s=5)
    with pytest.raises(LedgerError, match=": name an empty database"):
        await copy_ledger(SOURCE, target, folder=tmp_path)


async def test_a_ledger_in_use_is_not_copied(tmp_path: Path, target: str) -> None:
    ledger = await open_ledger(SOURCE, folder=tmp_path)
    try:
        await spend(ledger, datetime.now(UTC), 1)
        with pytest.raises(LedgerError, match="is used by a server: stop every Server B"):
            await copy_ledger(SOURCE, target, folder=tmp_path)
    finally:
        await ledger.aclose(grace_s=5)


async def test_a_copy_that_differs_is_an_error(tmp_path: Path, target: str) -> None:
    ledger = await open_ledger(SOURCE, folder=tmp_path)
    await fill(ledger)
    await ledger.aclose(grace_s=5)

    def change_a_copied_row(table: str, done: int, of: int) -> None:
        if table == "windows":
            with contextlib.closing(sqlite3.connect(tmp_path / "relay.db", isolation_level=None)) as source:
                source.execute("UPDATE calls SET nano_usd = nano_usd + 1 WHERE nano_usd = 28")

    with pytest.raises(LedgerError, match=r"the copy of the table calls differs \(rows, .*nano_usd"):
        await copy_ledger(SOURCE, target, folder=tmp_path, progress=change_a_copied_row)


async def test_an_interrupted_copy_continues(tmp_path: Path, target: str) -> None:
    ledger = await open_ledger(SOURCE, folder=tmp_path)
    await fill(ledger)
    await ledger.aclose(grace_s=5)

    def interrupt(table: str, done: int, of: int) -> None:
        if table == "calls":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await copy_ledger(SOURCE, target, folder=tmp_path, progress=interrupt)
    assert await copy_ledger(SOURCE, target, folder=tmp_path) > 32


async def test_only_sqlite_is_copied_to_postgresql(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="from sqlite:///FILE to postgresql"):
        await copy_ledger(SOURCE, "sqlite:///other.db", folder=tmp_path)
