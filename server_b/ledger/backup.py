"""Makes a copy of a ledger while servers use it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from server_b.ledger.open_ledger import POSTGRES, LedgerError, sqlite_path


async def backup(url: str, target: Path, *, folder: Path) -> int:
    """Copies the SQLite ledger of `url` into a new file, which only its owner can read; returns its size in bytes.

    It is the ledger as it is at one moment. Servers go on meanwhile. A relative path of `url` is in `folder`. Raises
    LedgerError where there is no ledger, where the file is there already, and for PostgreSQL.
    """
    if url.startswith(POSTGRES):
        raise LedgerError(
            "LEDGER: a PostgreSQL database is saved by its own program: pg_dump --format=custom --file=FILE DATABASE"
        )
    path = sqlite_path(url, folder)
    return await asyncio.to_thread(_backup_file, path, target)


def _backup_file(path: Path, target: Path) -> int:
    if not path.is_file():
        raise LedgerError(f"LEDGER: there is no file {path}")
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        raise LedgerError(f"{target} already exists: name a new file") from error
    except OSError as error:
        raise LedgerError(f"cannot write {target}: {error.strerror}") from error
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)  # all pages in one step: between two it would begin anew whenever somebody writes
            copy.execute("PRAGMA journal_mode = DELETE").fetchall()  # so that it is one file
    except sqlite3.Error as error:
        target.unlink()
        raise LedgerError(f"cannot copy {path} to {target}: {error}") from error
    return target.stat().st_size
