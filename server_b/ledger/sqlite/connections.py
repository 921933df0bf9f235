"""Connections to the ledger's file, which only its owner may read."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

ATTEMPT_TIMEOUT_S = 0.1
"""How long one attempt of a start waits for the lock, in seconds. A signal that ends the start waits as long."""


def prepare_file(path: Path) -> None:
    """Creates the file if it does not exist, readable only by its owner. SQLite gives -wal and -shm the same mode.

    Does not open an existing file: closing it would release the locks that SQLite holds on it in this process.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600))
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "the file or its disk is read-only", str(path))


def connect(path: Path, now_us: Callable[[], int], *, is_full_sync: bool = False) -> sqlite3.Connection:
    """Opens a connection in WAL mode. Any thread may use it, one at a time. It never waits for locks."""
    connection = sqlite3.connect(
        path, isolation_level=None, timeout=ATTEMPT_TIMEOUT_S, check_same_thread=False, cached_statements=256
    )
    try:
        connection.create_function("now_us", 0, now_us)
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute(f"PRAGMA synchronous = {'FULL' if is_full_sync else 'NORMAL'}")
        connection.execute("PRAGMA busy_timeout = 0").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection
