"""PostgreSQL stops, restarts, or is cut off: calls are refused, nothing is lost or doubled, and the ledger recovers."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from llm_relay.errors import LedgerUnavailable
from server_b.ledger.books.sql_books import SqlBooks
from server_b.ledger.entries import NewCall
from server_b.ledger.open_ledger import open_store
from server_b.ledger.transactions import Transaction
from tests.support.cutting_proxy import cutting_proxy
from tests.support.money import call_end, new_call, open_books, put_budget, select, until_writable
from tests.support.postgres import CannotRun, PostgresServer, postgres_server

pytestmark = [pytest.mark.anyio, pytest.mark.faults]
FLUSH, SYNC = b"H\x00\x00\x00\x04", b"S\x00\x00\x00\x04"
"""What a client sends when it waits for rows in the middle of a transaction, and after COMMIT."""
WINDOW = "spent_nano_usd, reserved_nano_usd"


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server that a test may stop."""
    running = postgres_server()
    try:
        server = running.__enter__()
    except CannotRun as error:
        pytest.skip(f"PostgreSQL cannot run here: {error}")
    yield server
    running.__exit__(None, None, None)


async def reserve_trying_twice(books: SqlBooks, call: NewCall) -> None:
    """Reserves like a client that retries once."""
    try:
        await books.reserve(call)
    except LedgerUnavailable:
        await books.reserve(call)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
async def test_a_stop_and_a_restart_lose_and_double_nothing(
    own_postgres: PostgresServer, tmp_path: Path, how: signal.Signals
) -> None:
    store = await open_store(own_postgres.create_database("ledger"), folder=tmp_path)
    await put_budget(store, 100_000)
    running = [new_call() for _ in range(5)]
    async with open_books(store) as books:
        for call in running:
            await books.reserve(call)
        await asyncio.to_thread(own_postgres.stop, how)
        with pytest.raises(LedgerUnavailable):
            await books.reserve(new_call())
        async with asyncio.timeout(60):  # it returns, although nothing can be written
            await asyncio.gather(*(books.settle(call_end(call)) for call in running))
        was_writable = books.is_writable
        async with until_writable():
            await asyncio.to_thread(own_postgres.start)
        later = new_call()
        await books.reserve(later)
        assert not was_writable
        assert books.is_writable
        await books.settle(call_end(later))
        states = await select(store, "state, COUNT(*)", "calls", group_by="state")
        assert states == [("settled", len(running) + 1)]
        assert await select(store, WINDOW, "windows") == [(300 * (len(running) + 1), 0)]
    await store.aclose()


async def test_a_database_that_is_missing_at_the_start_is_used_once_it_is_there(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    url = own_postgres.create_database("ledger")
    await asyncio.to_thread(own_postgres.stop)
    store = await open_store(url, folder=tmp_path)
    books = SqlBooks(store, now=lambda: new_call().started_at)
    with pytest.raises(LedgerUnavailable):
        await books.reserve(new_call())
    async with until_writable():
        await asyncio.to_thread(own_postgres.start)
    await books.reserve(new_call())
    await books.aclose(grace_s=1)
    await store.aclose()


@pytest.mark.parametrize("is_committed", [False, True])
@pytest.mark.parametrize("message", [FLUSH, SYNC])
async def test_a_connection_cut_within_a_transaction_loses_and_doubles_nothing(
    postgres: PostgresServer, tmp_path: Path, is_committed: bool, message: bytes, request: pytest.FixtureRequest
) -> None:
    """With `is_committed` the database receives the last bytes of the cut connection, and no client gets its reply."""
    name = f"cut_{abs(hash(request.node.name))}"
    direct = await open_store(postgres.create_database(name), folder=tmp_path)
    await put_budget(direct, 100_000)
    async with cutting_proxy(postgres.port) as proxy:
        store = await open_store(postgres.url(name, port=proxy.port), folder=tmp_path)
        async with open_books(store) as books:
            before = new_call()
            await books.reserve(before)
            proxy.passes_them_on = is_committed
            proxy.cut_at = message
            during = new_call()
            await reserve_trying_twice(books, during)
            proxy.cut_at = message
            await books.settle(call_end(before))
            proxy.cut_at = b""
            await books.settle(call_end(during))
        await store.aclose()
        assert proxy.cuts >= 1
    assert await select(direct, "state, nano_usd", "calls") == [("settled", 300), ("settled", 300)]
    assert await select(direct, WINDOW, "windows") == [(600, 0)]
    assert await select(direct, "calls, nano_usd", "usage_hours") == [(2, 600)]
    await direct.aclose()


async def test_a_frozen_server_does_not_hold_calls_for_long(own_postgres: PostgresServer, tmp_path: Path) -> None:
    store = await open_store(own_postgres.create_database("ledger"), folder=tmp_path)
    async with open_books(store) as books:
        await books.reserve(new_call())
        own_postgres.freeze()
        try:
            with pytest.raises(LedgerUnavailable):
                await asyncio.wait_for(books.reserve(new_call()), 30)
        finally:
            async with until_writable():
                own_postgres.thaw()
        await books.reserve(new_call())
    await store.aclose()


@pytest.mark.parametrize("at_once", [1, 20])
async def test_prepared_statements_lost_between_transactions_fail_no_call(
    own_postgres: PostgresServer, tmp_path: Path, at_once: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A pooler that passes the process ids on behaves like this: psycopg does not notice that they are gone."""
    store = await open_store(own_postgres.create_database("ledger"), folder=tmp_path)
    await put_budget(store, 100_000)

    async def lose(transaction: Transaction) -> None:
        await transaction.execute("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")

    async with open_books(store) as books:
        for _ in range(3):
            calls = [new_call() for _ in range(at_once)]
            await asyncio.gather(*map(books.reserve, calls))
            await store.write(lose)
            await store.peek(lose)
            await store.read(lose)
            await asyncio.gather(*(books.settle(call_end(call)) for call in calls))
            await store.read(lambda transaction: transaction.fetch("SELECT 1"))
        assert await select(store, WINDOW, "windows") == [(3 * at_once * 300, 0)]
    await store.aclose()
    assert "behind a connection pooler" in caplog.text
