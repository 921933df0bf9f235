"""Opens the ledger that the setting LEDGER names."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from llm_relay.errors import LedgerUnavailable
from server_b.ledger.accounts.stored_accounts import StoredAccounts
from server_b.ledger.alerts.delivery import AlertDelivery, Receiver
from server_b.ledger.base import Ledger
from server_b.ledger.books import leases
from server_b.ledger.books.sql_books import SqlBooks
from server_b.ledger.live_servers import LEASE_S
from server_b.ledger.migrations import IN_USE_PATIENCE_S, WrongSchema, when_unused
from server_b.ledger.reports.stored_reports import StoredReports
from server_b.ledger.retention import Retention
from server_b.ledger.sql_ledger import BackgroundTask, SqlLedger
from server_b.ledger.sqlite.dialect import is_busy
from server_b.ledger.sqlite.store import SqliteStore
from server_b.ledger.times import to_us
from server_b.ledger.transactions import Store

START_PATIENCE_S = 5.0
"""How long a start waits while another process holds the lock of an SQLite file, in seconds."""
LOCK_POLL_S = 0.05
"""The time between two attempts of such a start, in seconds."""
SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")
NO_DRIVER = (
    "LEDGER: PostgreSQL needs a driver: install it with pip install 'grpc-llm-relay[postgres]', or in a clone with"
    " .venv/bin/pip install 'psycopg[binary]'"
)


class LedgerError(ValueError):
    """A ledger cannot be opened: the setting is wrong, or the file. The text names LEDGER, the place and the fix."""


def _now() -> datetime:
    return datetime.now(UTC)


async def open_ledger(
    url: str,
    *,
    folder: Path,
    is_full_sync: bool = False,
    time_zone: str = "UTC",
    keep_days: int | None = None,
    alert_thresholds: Sequence[int] = (50, 80, 100),
    alert_receiver: Receiver | None = None,
    heartbeat_s: float = leases.HEARTBEAT_S,
    lease_s: float = LEASE_S,
    now: Callable[[], datetime] = _now,
) -> Ledger:
    """Opens the ledger of `url`: `sqlite:///relay.db`, `sqlite:////absolute/path` or `postgresql://…`.

    A relative path is in `folder`. Raises LedgerError if the ledger cannot be opened or written. While PostgreSQL
    cannot be reached, calls raise LedgerUnavailable. With `is_full_sync` each transaction waits for the disk, so that
    a power cut loses nothing. `time_zone` is the IANA zone of new budgets that name none. `keep_days` is how long the
    row of a call is kept; None: forever. `alert_thresholds` are the percentages of a budget that raise an alert, which
    goes to the log and to `alert_receiver`. `now` is a clock that all servers share.
    """
    store = await open_store(url, folder=folder, is_full_sync=is_full_sync, now=now)
    books = SqlBooks(
        store,
        now=now,
        thresholds=alert_thresholds,
        heartbeat_s=heartbeat_s,
        lease_s=lease_s,
        is_on_this_machine=not url.startswith(POSTGRES),
        is_clock_shared=not url.startswith(POSTGRES) or now is not _now,
    )
    accounts = StoredAccounts(store, books.now, default_zone=time_zone, thresholds=alert_thresholds)
    reports = StoredReports(store, now)
    background_tasks: list[BackgroundTask] = [reports, AlertDelivery(store, alert_receiver)]
    if keep_days is not None:
        background_tasks.append(Retention(store, books.now, keep_days=keep_days))
    ledger = SqlLedger(store, books, accounts, reports, background_tasks)
    try:
        with suppress(LedgerUnavailable):  # PostgreSQL may not be up yet
            await ledger.refresh()
    except asyncio.CancelledError:
        await ledger.aclose(grace_s=0)
        raise
    return ledger


async def open_store(
    url: str,
    *,
    folder: Path,
    is_full_sync: bool = False,
    now: Callable[[], datetime] = _now,
    patience_s: float = IN_USE_PATIENCE_S,
) -> Store:
    """Opens only the database of a ledger; see `open_ledger`.

    If the schema has to change, servers of an older version have `patience_s` seconds to end.
    """
    if url.startswith(POSTGRES):
        return await open_postgres(url, patience_s=patience_s)
    path = sqlite_path(url, folder)
    return await open_sqlite(path, is_full_sync=is_full_sync, now=now, patience_s=patience_s)


def sqlite_path(url: str, folder: Path) -> Path:
    """Returns the absolute path of an SQLite URL. Raises LedgerError for any other URL."""
    if not url.startswith(SQLITE) or url.removeprefix(SQLITE) in {"", ":memory:"}:
        raise LedgerError(
            "LEDGER: must be sqlite:///relay.db, sqlite:////absolute/path/relay.db, postgresql://USER@HOST/DATABASE or"
            " off"
        )
    return Path(os.path.abspath(folder / url.removeprefix(SQLITE)))  # noqa: PTH100 - symbolic links stay


async def open_sqlite(
    path: Path,
    *,
    is_full_sync: bool = False,
    now: Callable[[], datetime] = _now,
    patience_s: float = IN_USE_PATIENCE_S,
    lock_patience_s: float = START_PATIENCE_S,
) -> SqliteStore:
    """Opens a file. Raises LedgerError if it cannot be opened or written.

    Another process that holds the file's lock has `lock_patience_s` seconds to release it.
    """
    clock = (lambda: time.time_ns() // 1000) if now is _now else (lambda: to_us(now()))
    try:
        opening = partial(SqliteStore, path, is_full_sync=is_full_sync, now_us=clock)
        unlocked = partial(_when_unlocked, opening, lock_patience_s)
        return await when_unused(unlocked, str(path), patience_s=patience_s)
    except WrongSchema as error:
        raise LedgerError(f"LEDGER: {path} cannot be used: {error}") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise LedgerError(
            f"LEDGER: cannot open {path} for writing: {reason}: create its folder, give this user write access, or name"
            " another file"
        ) from error
    except sqlite3.Error as error:
        raise LedgerError(
            f"LEDGER: cannot use {path}: {error}: it must be an SQLite file that this user may write, with room on its"
            " disk; or name another file"
        ) from error


async def _when_unlocked(opening: Callable[[], SqliteStore], patience_s: float) -> SqliteStore:
    """Runs `opening` in a thread, and again while another process holds the file's lock. Raises as `opening` does."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    while True:
        try:
            return await asyncio.to_thread(opening)
        except sqlite3.OperationalError as error:
            if not is_busy(error) or loop.time() > deadline:
                raise
            await asyncio.sleep(LOCK_POLL_S)


async def open_postgres(url: str, *, patience_s: float = IN_USE_PATIENCE_S) -> Store:
    """Opens a database. Raises LedgerError if waiting for it would not help."""
    try:
        from server_b.ledger.postgres.store import PostgresStore, WrongSetting
    except ImportError as error:
        raise LedgerError(NO_DRIVER) from error
    try:
        store = PostgresStore(url)
    except WrongSetting as error:
        raise LedgerError(f"LEDGER: not the URL of a PostgreSQL database: {error}") from error
    try:
        await store.start(patience_s=patience_s)
    except asyncio.CancelledError:
        await store.aclose()
        raise
    except WrongSchema as error:
        await store.aclose()
        raise LedgerError(f"LEDGER: {store.location} cannot be used: {error}") from error
    except WrongSetting as error:
        await store.aclose()
        raise LedgerError(
            f"LEDGER: cannot use {store.location}: {error}: correct the URL, or what it points to"
        ) from error
    return store
