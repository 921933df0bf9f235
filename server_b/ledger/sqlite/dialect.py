"""SQL of the ledger as SQLite takes it, and what its errors mean."""

from __future__ import annotations

import json
import re
import sqlite3
from functools import lru_cache
from typing import Any

from llm_relay.errors import LedgerUnavailable
from server_b.ledger.transactions import Params


@lru_cache(maxsize=1000)
def translated(sql: str) -> tuple[str, tuple[str, ...]]:
    """Returns a statement for SQLite, and the names of its lists."""
    lists = tuple(re.findall(r"\bIN :(\w+)", sql))
    sql = re.sub(r"\bIN :(\w+)", r"IN (SELECT value FROM json_each(:\1))", sql)
    return re.sub(r" FOR UPDATE( SKIP LOCKED)?", "", sql), lists


def bound(params: Params, lists: tuple[str, ...]) -> dict[str, Any]:
    """Returns parameters whose lists are JSON."""
    values = dict(params)
    for name in lists:
        values[name] = json.dumps(list(values[name]))
    return values


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds the lock."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def is_of_the_file(error: Exception) -> bool:
    """Whether the file failed, such as a full disk, and not the statement."""
    if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)):
        return False
    return isinstance(error, sqlite3.DatabaseError)


def unavailable(error: Exception, location: str) -> LedgerUnavailable:
    """Returns the error that callers get; the operator is told what failed and where."""
    return LedgerUnavailable(operator_detail=f"{location}: {error}")
