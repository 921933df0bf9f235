"""What waits for the disk, in a thread: the write-ahead log is synchronised, and a long one is put into the file.

SQLite synchronises the log by itself when it begins it anew, in the transaction that does so. So that is done here too,
right after a checkpoint, and not by the next call on the event loop.
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
"""How long the log waits for the disk after the first write since the last time: what a power cut may lose."""
LARGE_LOG_BYTES = 16 << 20
"""From this size on the log is put into the file: more often would write the same pages again and again."""
_BEGIN_LOG = (
    "INSERT INTO ledger (key, value) VALUES ('checkpoints', 1) ON CONFLICT (key) DO UPDATE SET value = value + 1"
)
"""Has to change something: SQLite writes no page that stays as it is."""


class Checkpoints:
    """Brings to the disk what was written, a second later."""

    def __init__(self, path: Path, now_us: Callable[[], int]) -> None:
        """Opens a connection of its own."""
        self._path = path
        self._inode = path.stat().st_ino
        self.is_replaced = False
        """Whether another file, or none, is where this one was: what is written now would be lost."""
        self._is_full = False
        self._is_noted = False
        """Whether something was written while the log was being synchronised, which may have missed it."""
        self._is_failing = False
        self._log = path.with_name(path.name + "-wal")
        self._connection = connect(path, now_us)
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def note_written(self) -> None:
        """Has the log synchronised soon."""
        if self._task is not None:
            self._is_noted = True
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL_S, self._begin)

    def note_passing(self) -> None:
        """Has the log synchronised soon only if it is long or the file is gone, so that an idle disk may rest."""
        self._look()
        if self.is_replaced or self._log_bytes() > LARGE_LOG_BYTES:
            self.note_written()

    def note_failed(self) -> None:
        """Has the log put into the file soon, whatever its size: the disk may be full, and that makes room."""
        self._is_full = True
        self.note_written()

    async def aclose(self) -> None:
        """Waits for what runs, puts the log into the file, and closes the connection."""
        if self._task is not None:
            await self._task
        if self._timer is not None:
            self._timer.cancel()
        self._is_full = True
        await asyncio.to_thread(self._synchronise)
        self._connection.close()

    def _begin(self) -> None:
        self._timer = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            await asyncio.to_thread(self._synchronise)
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

    def _synchronise(self) -> None:
        """Synchronises the log, then puts a long one into the file.

        A checkpoint alone would not do: it synchronises nothing while a report still reads what it would replace.
        """
        self._look()
        is_full, self._is_full = self._is_full, False
        try:
            _synchronise(self._log)
            self._is_failing = False
        except FileNotFoundError:
            pass  # nothing was written yet, or the next write says that the file was removed
        except OSError as error:
            if not self._is_failing:
                LOG.error(  # noqa: TRY400 - the traceback would tell nothing
                    "LEDGER: cannot bring %s to the disk; a power cut may lose calls: %s", self._log, error.strerror
                )
            self._is_failing = True
        if is_full or self._log_bytes() > LARGE_LOG_BYTES:
            self._checkpoint()

    def _checkpoint(self) -> None:
        """Puts the log into the file; writers wait for its last moments, so that the log starts anew."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._connection.execute(_BEGIN_LOG)


def _synchronise(log: Path) -> None:
    """Waits until a log is on the disk. SQLite locks no part of this file, so it may be opened and closed here."""
    file = os.open(log, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    try:
        getattr(os, "fdatasync", os.fsync)(file)
    finally:
        os.close(file)
