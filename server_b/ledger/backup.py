"""Copies a ledger while servers use it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from server_b.ledger.open_ledger import POSTGRES, LedgerError, sqlite_path


async def backup(url: str, target: Path, *, folder: Path) -> int:
    """Copies the SQLite ledger of `url` to a new file that only its owner can read; returns its size in bytes.

    The copy is a snapshot of one moment, and servers keep running. A relative path in `url` is in `folder`. Raises
    LedgerError if there is no ledger, if the file already exists, and for PostgreSQL.
    """
    if url.startswith(POSTGRES):
        raise LedgerError(
            "LEDGER: back up a PostgreSQL database with its own tool: pg_dump --format=custom --file=FILE DATABASE"
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
            source.backup(copy)  # all pages in one step: between two steps any write would restart the copy
            copy.execute("PRAGMA journal_mode = DELETE").fetchall()  # keeps the copy in one file
    except sqlite3.Error as error:
        target.unlink()
        raise LedgerError(f"cannot copy {path} to {target}: {error}") from error
    return target.stat().st_size
