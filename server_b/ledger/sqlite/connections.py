"""Connections to the ledger's file, which nobody but its owner may read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

OPENING_TIMEOUT_S = 5.0
"""How long a start waits while another process starts on the same file."""


def prepare_file(path: Path) -> None:
    """Makes the file if it is not there, readable by its owner alone; SQLite gives -wal and -shm the same mode."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def connect(path: Path, now_us: Callable[[], int], *, is_full_sync: bool = False) -> sqlite3.Connection:
    """Opens a connection in WAL mode that may be used from any thread, by one at a time; it never waits for locks."""
    connection = sqlite3.connect(
        path, isolation_level=None, timeout=OPENING_TIMEOUT_S, check_same_thread=False, cached_statements=256
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
