"""Checkpoints: what the write-ahead log gathered goes into the file, in a thread, because it waits for the disk."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from server_b.ledger.sqlite.connections import connect

INTERVAL_S = 1.0
"""How long a checkpoint waits after the first write since the one before."""
LARGE_LOG_BYTES = 16 << 20
"""From this size on a checkpoint makes writers wait for its last moments, so that the log starts anew."""


class Checkpoints:
    """Makes a checkpoint a second after a write."""

    def __init__(self, path: Path, now_us: Callable[[], int]) -> None:
        """Opens a connection of its own."""
        self._path = path
        self._inode = path.stat().st_ino
        self.is_replaced = False
        """Whether another file, or none, is where this one was: what is written now would be lost."""
        self._log = path.with_name(path.name + "-wal")
        self._connection = connect(path, now_us)
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def note_written(self) -> None:
        """Has a checkpoint made soon."""
        if self._timer is None and self._task is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL_S, self._begin)

    async def aclose(self) -> None:
        """Waits for a checkpoint that runs, makes the last one, and closes the connection."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            await self._task
        await asyncio.to_thread(self._checkpoint)
        self._connection.close()

    def _begin(self) -> None:
        self._timer = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            await asyncio.to_thread(self._checkpoint)
        finally:
            self._task = None

    def _checkpoint(self) -> None:
        try:
            self.is_replaced = self._path.stat().st_ino != self._inode
        except OSError:
            self.is_replaced = True
        with contextlib.suppress(sqlite3.Error, OSError):  # the next write says what is wrong, or the next one helps
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            if self._log.stat().st_size > LARGE_LOG_BYTES:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
