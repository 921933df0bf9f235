"""Disk synchronisation runs in a thread: seldom while calls run, and never for an idle server."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from llm_relay.errors import LedgerUnavailable
from server_b.ledger.open_ledger import open_store
from server_b.ledger.sqlite.store import SqliteStore
from server_b.ledger.transactions import Store, Transaction
from tests.support.money import new_call, open_books, select

pytestmark = pytest.mark.anyio
WITHIN_S = 20
POLL_S = 0.01


@contextlib.asynccontextmanager
async def opened(folder: Path, **options: Any) -> AsyncIterator[SqliteStore]:
    """Opens a file whose log is synchronised at once after each write."""
    store = SqliteStore(folder / "relay.db", now_us=lambda: time.time_ns() // 1000, sync_interval_s=0, **options)
    try:
        yield store
    finally:
        await store.aclose()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An open file."""
    async with opened(tmp_path) as store:
        yield store


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():  # noqa: ASYNC110 - a thread of the ledger and a file send no event
            await asyncio.sleep(POLL_S)


def opened_by_the_program(log: Path, *, may_go_on: threading.Event | None = None) -> list[str]:
    """Returns a list that grows each time Python itself opens a file, as it does to synchronise it.

    The thread that opens it waits for `may_go_on`.
    """
    found: list[str] = []

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and str(arguments[0]) == str(log):
            found.append(event)
            if may_go_on is not None:
                may_go_on.wait(WITHIN_S)

    sys.addaudithook(note)
    return found


async def write_a_little(transaction: Transaction) -> None:
    await transaction.execute("UPDATE ledger SET value = value + 1 WHERE key = 'revision'")


async def test_heartbeats_do_not_wake_the_disk_and_calls_do(store: Store, tmp_path: Path) -> None:
    synchronised = opened_by_the_program(tmp_path / "relay.db-wal")
    async with open_books(store, heartbeat_s=0.001) as books:
        beats: set[object] = set()
        async with asyncio.timeout(WITHIN_S):
            while len(beats) < 10:
                beats.update(await select(store, "heartbeat_at", "servers"))
                await asyncio.sleep(POLL_S)
        assert not synchronised
        await books.reserve(new_call())
        await until(lambda: bool(synchronised))


async def test_a_long_log_is_moved_into_the_file_while_the_ledger_is_open(tmp_path: Path) -> None:
    log, file = tmp_path / "relay.db-wal", tmp_path / "relay.db"
    insert = "INSERT INTO audit (id, made_at, made_by, action, subject, detail) VALUES (:id, 0, '', '', '', :detail)"
    async with opened(tmp_path, large_log_bytes=4_000_000) as store:
        began = file.stat().st_size
        for number in range(6):
            row = {"id": str(number), "detail": "x" * 1_000_000}
            await store.write(lambda transaction, row=row: transaction.execute(insert, row))  # type: ignore[misc]
        await until(lambda: file.stat().st_size > began + 4_000_000 and 0 < log.stat().st_size < 4_000_000)
        assert await select(store, "COUNT(*)", "audit") == [(6,)]


async def test_the_log_of_a_server_without_calls_does_not_grow_forever(tmp_path: Path) -> None:
    async with (
        opened(tmp_path, large_log_bytes=50_000) as store,
        open_books(store, heartbeat_s=0.001),
        asyncio.timeout(WITHIN_S),
    ):
        while not await select(store, "value", "ledger", "key = 'checkpoints'"):  # noqa: ASYNC110 - a thread
            await asyncio.sleep(POLL_S)


async def test_a_server_without_calls_notices_that_its_file_was_removed(store: Store, tmp_path: Path) -> None:
    (tmp_path / "relay.db").rename(tmp_path / "away.db")
    await store.write(write_a_little, is_durable=False)
    with pytest.raises(LedgerUnavailable):
        await store.write(write_a_little)
    (tmp_path / "away.db").rename(tmp_path / "relay.db")


async def test_rows_written_during_a_synchronisation_are_synchronised_next(store: Store, tmp_path: Path) -> None:
    may_go_on = threading.Event()
    synchronised = opened_by_the_program(tmp_path / "relay.db-wal", may_go_on=may_go_on)
    await store.write(write_a_little)
    await until(lambda: len(synchronised) == 1)
    await store.write(write_a_little)
    may_go_on.set()
    await until(lambda: len(synchronised) == 2)


async def test_a_long_log_is_synchronised_while_a_report_blocks_the_checkpoint(tmp_path: Path) -> None:
    synchronised = opened_by_the_program(tmp_path / "relay.db-wal")
    async with opened(tmp_path, large_log_bytes=1) as store:
        report = sqlite3.connect(tmp_path / "relay.db", isolation_level=None)
        report.execute("BEGIN")
        report.execute("SELECT value FROM ledger").fetchall()
        await store.write(write_a_little)
        await until(lambda: bool(synchronised))
        report.close()


async def test_a_log_that_cannot_be_synchronised_is_reported_once(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "relay.db-wal"
    log.rename(tmp_path / "away")
    log.mkdir()
    tries = opened_by_the_program(log)
    for number in (1, 2, 3):
        await store.write(write_a_little)
        await until(lambda number=number: len(tries) >= number)  # type: ignore[misc]
    await until(lambda: bool(caplog.messages))
    log.rmdir()
    (tmp_path / "away").rename(log)
    [message] = caplog.messages
    assert message == f"LEDGER: cannot sync {log} to the disk; a power cut may lose calls: Is a directory"


async def test_closing_waits_for_the_disk_in_a_thread(tmp_path: Path) -> None:
    """When the last connection closes, SQLite moves the log into the file and synchronises both."""
    store = await open_store("sqlite:///relay.db", folder=tmp_path)
    await store.write(write_a_little)
    closed_here: list[object] = []

    def note(_: object, event: str, function: object) -> None:
        owner = getattr(function, "__self__", None)
        if event == "c_call" and isinstance(owner, sqlite3.Connection):
            closed_here.append(function)

    sys.setprofile(note)  # of this thread, which runs the event loop
    try:
        await store.aclose()
    finally:
        sys.setprofile(None)
    assert not closed_here
    assert not (tmp_path / "relay.db-wal").exists()
