"""Waits for the disk in a thread: syncs the write-ahead log, and checkpoints a long one.

SQLite itself syncs the log in the transaction that restarts it. So the log is restarted here too, right after a
checkpoint, and not by the next call on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from server_b.ledger.sqlite.connections import connect

LOG = logging.getLogger(__name__)

INTERVAL_S = 1.0
"""How long after the first unsynced write the log is synced, in seconds: what a power cut may lose."""
LARGE_LOG_BYTES = 64 << 20
"""The log is checkpointed above this size. A smaller one would write the same pages again and again, and calls wait
for the last moments of each checkpoint, which shows in their p99."""
_BEGIN_LOG = (
    "INSERT INTO ledger (key, value) VALUES ('checkpoints', 1) ON CONFLICT (key) DO UPDATE SET value = value + 1"
)
"""Must change a value: SQLite does not write a page that stays the same."""


class Checkpoints:
    """Syncs what was written to the disk, a second later."""

    def __init__(
        self,
        path: Path,
        now_us: Callable[[], int],
        *,
        interval_s: float = INTERVAL_S,
        large_log_bytes: int = LARGE_LOG_BYTES,
    ) -> None:
        """Opens its own connection."""
        self._path = path
        self._interval_s, self._large_log_bytes = interval_s, large_log_bytes
        self._inode = path.stat().st_ino
        self.is_replaced = False
        """Whether the file was removed or replaced: what is written now would be lost."""
        self.is_restarting_log = False
        """Whether writers wait until this server has restarted the log, which takes as long as the disk's syncs."""
        self._is_full = False
        self._is_noted = False
        """Whether something was written during a sync, which may have missed it."""
        self._is_failing = False
        self._log = path.with_name(path.name + "-wal")
        self._connection = connect(path, now_us)
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def note_written(self) -> None:
        """Schedules a sync of the log."""
        if self._task is not None:
            self._is_noted = True
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._interval_s, self._begin)

    def note_passing(self) -> None:
        """Schedules a sync only if the log is long or the file is gone, so that an idle disk can sleep."""
        self._look()
        if self.is_replaced or self._log_bytes() > self._large_log_bytes:
            self.note_written()

    def note_failed(self) -> None:
        """Schedules a checkpoint of the log, whatever its size: the disk may be full, and a checkpoint frees room."""
        self._is_full = True
        self.note_written()

    async def aclose(self) -> None:
        """Waits for a running sync, checkpoints the log, and closes the connection."""
        if self._task is not None:
            await self._task
        if self._timer is not None:
            self._timer.cancel()
        self._is_full = True
        await asyncio.to_thread(self._close)

    def _begin(self) -> None:
        self._timer = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            await asyncio.to_thread(self._sync)
        finally:
            self._task = None
            if self._is_noted:
                self._is_noted = False
                self.note_written()

    def _look(self) -> None:
        try:
            self.is_replaced = self._path.stat().st_ino != self._inode
        except OSError:
            self.is_replaced = True

    def _log_bytes(self) -> int:
        try:
            return self._log.stat().st_size
        except OSError:
            return 0

    def _sync(self) -> None:
        """Syncs the log, then checkpoints a long one.

        A checkpoint alone is not enough: it syncs nothing while a report still reads what it would replace.
        """
        self._look()
        is_full, self._is_full = self._is_full, False
        try:
            _sync(self._log)
            self._is_failing = False
        except FileNotFoundError:
            pass  # nothing was written yet, or the next write reports that the file was removed
        except OSError as error:
            if not self._is_failing:
                LOG.error(  # noqa: TRY400 - a traceback adds nothing
                    "LEDGER: cannot sync %s to the disk; a power cut may lose calls: %s", self._log, error.strerror
                )
            self._is_failing = True
        if is_full or self._log_bytes() > self._large_log_bytes:
            self._checkpoint()

    def _close(self) -> None:
        self._sync()
        self._connection.close()

    def _checkpoint(self) -> None:
        """Copies the log to the file. Writers wait only for the end of it, when the log is restarted."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self.is_restarting_log = True
            try:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                self._connection.execute(_BEGIN_LOG)
            finally:
                self.is_restarting_log = False


def _sync(log: Path) -> None:
    """Syncs a log to the disk. SQLite locks no part of this file, so it may be opened and closed here."""
    file = os.open(log, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    try:
        getattr(os, "fdatasync", os.fsync)(file)
    finally:
        os.close(file)
