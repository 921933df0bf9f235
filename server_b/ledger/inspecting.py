"""Inspects a ledger without changing it: its version, and whether this program can use it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from server_b.ledger.migrations import migrations
from server_b.ledger.open_ledger import NO_DRIVER, POSTGRES, LedgerError, sqlite_path
from server_b.ledger.times import to_us

_VERSION = "SELECT value FROM ledger WHERE key = 'schema_version'"
_VALID_TOKENS = (
    "SELECT id FROM tokens WHERE revoked_at IS NULL AND session_of IS NULL"
    " AND (expires_at IS NULL OR expires_at > {now_us})"
    " AND caller NOT IN (SELECT name FROM callers WHERE is_disabled = 1) LIMIT 1"
)
_RIGHTS = "SELECT to_regclass('ledger'), has_schema_privilege(current_schema(), 'CREATE')"
CONNECT_TIMEOUT_S = 5


async def schema_version(url: str, *, folder: Path) -> int:
    """Returns the version of a ledger's schema, or 0 if there is no ledger yet. Creates and writes nothing.

    Takes the arguments of `open_ledger`. Raises LedgerError, whose text contains the fix, if it cannot be used.
    """
    if url.startswith(POSTGRES):
        version = await _postgres_version(url)
    else:
        path = sqlite_path(url, folder)
        try:
            version = await asyncio.to_thread(_sqlite_version, path)
        except sqlite3.Error as error:
            raise LedgerError(f"LEDGER: cannot use {path}: {error}: name the file of a ledger") from error
    if version > newest_version():
        raise LedgerError(
            f"LEDGER: its schema is version {version}, and this program knows {newest_version()}: install a newer"
            " version"
        )
    return version


async def has_valid_token(url: str, *, folder: Path) -> bool:
    """Returns whether a ledger of this version has a token that is accepted now. Takes what `schema_version` takes."""
    if await schema_version(url, folder=folder) != newest_version():
        return False
    valid_tokens = _VALID_TOKENS.format(now_us=to_us(datetime.now(UTC)))
    if url.startswith(POSTGRES):
        return bool(await _postgres_rows(url, valid_tokens))
    return bool(await asyncio.to_thread(_sqlite_rows, sqlite_path(url, folder), valid_tokens))


def newest_version() -> int:
    """Returns the schema version of this program."""
    return max(migrations())


def _sqlite_version(path: Path) -> int:
    there = path if path.exists() else path.parent
    if path.is_dir() or not path.parent.is_dir():
        raise LedgerError(f"LEDGER: cannot open {path}: create the folder {path.parent}, or name another file")
    if not (os.access(there, os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK)):
        raise LedgerError(f"LEDGER: cannot write {path}: give this user write access, or name another file")
    if there is not path or path.stat().st_size == 0:
        return 0
    if not _sqlite_rows(path, "SELECT 1 FROM sqlite_schema WHERE name = 'ledger'"):
        return 0
    return _version_of(_sqlite_rows(path, _VERSION), path)


def _sqlite_rows(path: Path, statement: str) -> list[tuple[Any, ...]]:
    # Without a -wal file no one uses the database. SQLite must not create one here: this user would own it.
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?{mode}", uri=True, timeout=1)) as database:
        return database.execute(statement).fetchall()


async def _postgres_version(url: str) -> int:
    [(table, may_create)] = await _postgres_rows(url, _RIGHTS)
    if table is None and not may_create:
        raise LedgerError(
            "LEDGER: cannot use the database: its user may not create tables in it: GRANT CREATE ON SCHEMA public, or"
            " make that user the database's owner"
        )
    if table is None:
        return 0
    return _version_of(await _postgres_rows(url, _VERSION), "the database")


async def _postgres_rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    try:
        import psycopg
    except ImportError as error:
        raise LedgerError(NO_DRIVER) from error
    try:
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            await connection.set_read_only(True)
            return await (await connection.execute(statement.encode())).fetchall()
    except psycopg.Error as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise LedgerError(f"LEDGER: cannot use the database: {reason}: start it, or correct the URL") from error


def _version_of(rows: Sequence[tuple[Any, ...]], place: object) -> int:
    if not rows:
        raise LedgerError(
            f"LEDGER: cannot use {place}: its table named ledger belongs to another program: name another file or"
            " database"
        )
    return int(rows[0][0])
