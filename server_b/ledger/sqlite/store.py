"""A Store in an SQLite file.

The write connection is used on the event loop: in a thread, each statement would wait for the interpreter lock when
the program is busy. No fsync runs on the event loop: a thread syncs and checkpoints the log (`checkpoints`). With
LEDGER_SYNC=full, COMMIT waits for the disk, and runs in a thread too.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from llm_relay.errors import LedgerUnavailable
from server_b.ledger.migrations import migrate
from server_b.ledger.sqlite.checkpoints import INTERVAL_S, LARGE_LOG_BYTES, Checkpoints
from server_b.ledger.sqlite.connections import ATTEMPT_TIMEOUT_S, connect, prepare_file
from server_b.ledger.sqlite.dialect import is_busy, is_of_the_file, unavailable
from server_b.ledger.sqlite.statements import SqliteTransaction, run_to_end
from server_b.ledger.transactions import Transaction, Work

T = TypeVar("T")

LOCK_PATIENCE_S = 2.0
"""How long a transaction waits for another process that writes, in seconds."""
LOG_PATIENCE_S = 30.0
"""How long a transaction waits in all, while this server restarts the log on a slow disk, in seconds."""
LOCK_POLL_S = (0.001, 0.01)
READERS = 2


class SqliteStore:
    """The open file of a ledger."""

    def __init__(
        self,
        path: Path,
        *,
        now_us: Callable[[], int],
        is_full_sync: bool = False,
        sync_interval_s: float = INTERVAL_S,
        large_log_bytes: int = LARGE_LOG_BYTES,
    ) -> None:
        """Opens the file and migrates its schema. Blocks briefly. Raises sqlite3.Error, OSError and WrongSchema.

        `sync_interval_s` is how long after the first unsynced write the log is synced, in seconds. A log of more than
        `large_log_bytes` is then moved into the file.
        """
        self._path = path
        self._now_us = now_us
        self._is_full_sync = is_full_sync
        prepare_file(path)
        self._writing = connect(path, now_us, is_full_sync=is_full_sync)
        self._peeking: sqlite3.Connection | None = None
        try:
            self._migrate()
            self._writing.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
            self._peeking = connect(path, now_us)
        except BaseException:
            self._close_connections()
            raise
        self._lock = asyncio.Lock()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="ledger-reader")
        self._reading: dict[int, sqlite3.Connection] = {}
        self._checkpoints = Checkpoints(path, now_us, interval_s=sync_interval_s, large_log_bytes=large_log_bytes)

    @property
    def location(self) -> str:
        """The file's absolute path."""
        return str(self._path)

    async def write(self, work: Work[T], *, is_long: bool = False, is_durable: bool = True) -> T:  # noqa: ARG002
        """Runs `work` in a write transaction, and commits it."""
        async with self._lock:
            if self._checkpoints.is_replaced:
                self._checkpoints.note_written()  # checks again, in case the file comes back
                raise LedgerUnavailable(operator_detail=f"{self.location} was removed or replaced; restart this server")
            try:
                await self._begin()
                try:
                    result = await work(SqliteTransaction(self._writing))
                    await self._commit()
                finally:
                    if self._writing.in_transaction:
                        self._writing.execute("ROLLBACK")
            except sqlite3.Error as error:
                self._checkpoints.note_failed()
                raise (unavailable(error, self.location) if is_of_the_file(error) else error) from error
        if is_durable:
            self._checkpoints.note_written()
        else:
            self._checkpoints.note_passing()
        return result

    async def peek(self, work: Work[T]) -> T:
        """Runs `work`, which reads little, on the event loop."""
        if self._peeking is None:
            raise unavailable(sqlite3.ProgrammingError("it is closed"), self.location)
        return self._read(self._peeking, work)

    async def read(self, work: Work[T]) -> T:
        """Runs `work` in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read_in_thread, work)

    async def aclose(self) -> None:
        """Closes the connections after what runs on them."""
        async with self._lock:
            await asyncio.to_thread(self._readers.shutdown)
            await self._checkpoints.aclose()
            await asyncio.to_thread(self._close_connections)  # the last one to close checkpoints the log

    async def _begin(self) -> None:
        now = asyncio.get_running_loop().time
        began = now()
        deadline = began + LOCK_PATIENCE_S
        while True:
            try:
                self._writing.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if self._checkpoints.is_restarting_log:
                    deadline = min(now() + LOCK_PATIENCE_S, began + LOG_PATIENCE_S)
                if not is_busy(error) or now() > deadline:
                    raise
                await asyncio.sleep(random.uniform(*LOCK_POLL_S))  # noqa: S311 - spreads processes, hides nothing
            else:
                return

    async def _commit(self) -> None:
        if self._is_full_sync:
            # Shielded: the connection must not be used before the thread is done with it.
            await _to_end(asyncio.ensure_future(asyncio.to_thread(self._writing.execute, "COMMIT")))
        else:
            self._writing.execute("COMMIT")

    def _read_in_thread(self, work: Work[T]) -> T:
        thread = threading.get_ident()
        try:
            if thread not in self._reading:
                self._reading[thread] = connect(self._path, self._now_us)
        except sqlite3.Error as error:
            raise unavailable(error, self.location) from error
        return self._read(self._reading[thread], work)

    def _read(self, connection: sqlite3.Connection, work: Work[T]) -> T:
        async def run(transaction: Transaction) -> T:
            return await work(transaction)

        try:
            connection.execute("BEGIN")
            try:
                return run_to_end(run(SqliteTransaction(connection)))
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise (unavailable(error, self.location) if is_of_the_file(error) else error) from error

    def _migrate(self) -> None:
        self._writing.execute(f"PRAGMA busy_timeout = {ATTEMPT_TIMEOUT_S * 1000:.0f}").fetchall()
        self._writing.execute("BEGIN IMMEDIATE")
        try:
            tables = self._writing.execute("SELECT 1 FROM sqlite_master WHERE name = 'ledger'").fetchall()
            run_to_end(migrate(SqliteTransaction(self._writing), has_tables=bool(tables)))
            self._writing.execute("COMMIT")
        finally:
            if self._writing.in_transaction:
                self._writing.execute("ROLLBACK")
        self._writing.execute("PRAGMA busy_timeout = 0").fetchall()

    def _close_connections(self) -> None:
        for connection in (self._writing, self._peeking, *getattr(self, "_reading", {}).values()):
            if connection is not None:
                connection.close()
        self._peeking = None


async def _to_end(future: asyncio.Future[object]) -> None:
    """Waits until a future is done, even if the task is cancelled meanwhile; then raises the cancellation."""
    try:
        await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            await asyncio.wait([future])
        raise
