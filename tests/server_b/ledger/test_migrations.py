"""Servers of two schema versions never write to one ledger: the newer one waits, or the older one stops writing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llm_relay.errors import LedgerUnavailable
from server_b.ledger.books import leases
from server_b.ledger.live_servers import Process
from server_b.ledger.migrations import migrations
from server_b.ledger.open_ledger import LedgerError, open_ledger, open_store
from server_b.ledger.transactions import Store, Transaction
from tests.server_b.ledger.ledger_calls import end_of, new_call, take_back_to_version_3
from tests.support.money import select

pytestmark = pytest.mark.anyio

NEWEST = max(migrations())
ELSEWHERE = Process(host="elsewhere/1", pid=1, started=1)


@pytest.fixture
async def old(ledger_url: str, tmp_path: Path) -> Store:
    """A ledger of version 3 that a server of another machine uses."""
    store = await open_store(ledger_url, folder=tmp_path)
    await take_back_to_version_3(store)
    await store.write(lambda transaction: leases.beat(transaction, "older", ELSEWHERE))
    return store


async def test_a_start_is_refused_while_an_older_server_runs(old: Store, ledger_url: str, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=rf"cannot be used: its schema is version 3, this program needs {NEWEST}, "):
        await open_store(ledger_url, folder=tmp_path, patience_s=0)
    assert await select(old, "value", "ledger", "key = 'schema_version'") == [(3,)]
    await old.aclose()


async def test_a_start_continues_when_the_older_server_has_ended(old: Store, ledger_url: str, tmp_path: Path) -> None:
    starting = asyncio.create_task(open_store(ledger_url, folder=tmp_path))
    await old.write(lambda transaction: leases.end(transaction, "older"))
    await old.aclose()
    store = await starting
    assert await select(store, "value", "ledger", "key = 'schema_version'") == [(NEWEST,)]
    await store.aclose()


async def test_an_older_server_that_was_killed_delays_no_start(old: Store, ledger_url: str, tmp_path: Path) -> None:
    async def kill(transaction: Transaction) -> None:
        await transaction.execute("UPDATE servers SET heartbeat_at = now_us() - 11000000")

    await old.write(kill)
    await old.aclose()
    store = await open_store(ledger_url, folder=tmp_path, patience_s=0)
    assert await select(store, "value", "ledger", "key = 'schema_version'") == [(NEWEST,)]
    await store.aclose()


async def test_a_server_whose_ledger_a_newer_one_migrated_accepts_no_calls(ledger_url: str, tmp_path: Path) -> None:
    """The server was frozen for longer than its lease."""
    ledger = await open_ledger(ledger_url, folder=tmp_path)
    store = await open_store(ledger_url, folder=tmp_path)
    running = new_call(datetime.now(UTC))
    await ledger.reserve(running)
    for sql in (
        f"UPDATE ledger SET value = {NEWEST + 1} WHERE key = 'schema_version'",
        "UPDATE ledger SET value = value + 1 WHERE key = 'revision'",
    ):
        await store.write(lambda transaction, sql=sql: transaction.execute(sql))  # type: ignore[misc]
    with pytest.raises(LedgerUnavailable) as refused:
        await ledger.reserve(new_call(datetime.now(UTC)))
    assert f"its schema is version {NEWEST + 1}" in (refused.value.operator_detail or "")
    await ledger.settle(end_of(running, 5))
    assert not ledger.is_writable
    assert await select(store, "state", "calls") == [("open",)]
    await ledger.aclose(grace_s=0)
    await store.aclose()
