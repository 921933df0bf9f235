"""Translates the ledger's SQL for SQLite, and classifies its errors."""

from __future__ import annotations

import re
import sqlite3
from functools import lru_cache

import orjson

from llm_relay.errors import LedgerUnavailable
from server_b.ledger.entries import MOST_SUM
from server_b.ledger.transactions import Params

_SUM = re.compile(r"CAST\(SUM\(([^()]*)\) AS BIGINT\)")
_PART = 10**9
_TAG_VALUE = (
    "COALESCE(CASE WHEN :tag_path = '' THEN (SELECT value FROM json_each(tags) WHERE key = :tag_key)"
    " ELSE json_extract(tags, :tag_path) END, '')"
)
"""A JSON path of SQLite cannot contain a quote within a name."""


@lru_cache(maxsize=1000)
def translated(sql: str) -> tuple[str, str, tuple[str, ...]]:
    """Returns a statement for SQLite, a faster one for lists of one item each, and the names of its lists."""
    sql = sql.replace("tag_value(tags)", _TAG_VALUE)
    lists = tuple(re.findall(r"\bIN :(\w+)", sql))
    sql = re.sub(r" FOR UPDATE( SKIP LOCKED)?", "", sql).replace("/* clustered */", "WITHOUT ROWID")
    many = re.sub(r"\bIN :(\w+)", r"IN (SELECT value FROM json_each(:\1))", sql)
    return many, re.sub(r"\bIN :(\w+)", r"= :\1", sql), lists


def with_large_sums(sql: str) -> str:
    """Returns a slower statement whose sums may be too large for 64 bits, and are then MOST_SUM."""
    return _SUM.sub(
        rf"CASE WHEN SUM(\1 / {_PART}) + SUM(\1 % {_PART}) / {_PART} >= {MOST_SUM // _PART} THEN {MOST_SUM}"
        rf" ELSE SUM(\1 / {_PART}) * {_PART} + SUM(\1 % {_PART}) END",
        sql,
    )


def is_large_sum(error: sqlite3.Error) -> bool:
    """Returns whether a sum does not fit in 64 bits. SQLite has no code for it."""
    return str(error) == "integer overflow"


def bound(sql: str, params: Params) -> tuple[str, Params]:
    """Returns a statement and its parameters for SQLite, which takes no lists."""
    many, one, lists = translated(sql)
    if not lists:
        return many, params
    if all(len(params[name]) == 1 for name in lists):
        return one, {**params, **{name: next(iter(params[name])) for name in lists}}
    return many, {**params, **{name: orjson.dumps(list(params[name])).decode() for name in lists}}


def is_busy(error: sqlite3.Error) -> bool:
    """Returns whether another connection holds the lock."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def is_of_the_file(error: Exception) -> bool:
    """Returns whether the file failed, such as a full disk, and not the statement."""
    if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)):
        return False
    return isinstance(error, sqlite3.DatabaseError)


def unavailable(error: Exception, location: str) -> LedgerUnavailable:
    """Returns the error for callers. Its `operator_detail` says what failed and where."""
    return LedgerUnavailable(operator_detail=f"{location}: {error}")
