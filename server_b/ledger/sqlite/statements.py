"""A transaction of SQLite. Its methods never really wait, so a whole transaction is one step of the event loop."""

from __future__ import annotations

import sqlite3
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from server_b.ledger.sqlite.dialect import bound, is_large_sum, translated, with_large_sums
from server_b.ledger.transactions import Params, Query, Row

T = TypeVar("T")
_NONE: dict[str, Any] = {}


class SqliteTransaction:
    """Statements on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """The connection's owner begins and ends its transactions."""
        self._connection = connection

    async def fetch(self, sql: str, params: Params = _NONE) -> list[Row]:
        """Runs one statement and returns its rows."""
        return self._fetch(sql, params)

    async def fetch_each(self, queries: Sequence[Query]) -> list[list[Row]]:
        """Runs several statements and returns the rows of each."""
        return [self._fetch(sql, params) for sql, params in queries]

    async def execute(self, sql: str, params: Params = _NONE) -> None:
        """Runs one statement."""
        self._fetch(sql, params)

    async def execute_many(self, sql: str, rows: Sequence[Params]) -> None:
        """Runs one statement for each row."""
        if rows:
            self._connection.executemany(translated(sql)[0], rows)

    async def lock_policy(self, *, to_change: bool) -> None:
        """Does nothing: a write transaction excludes all others."""

    def _fetch(self, sql: str, params: Params) -> list[Row]:
        try:
            return self._run(sql, params).fetchall()
        except sqlite3.OperationalError as error:
            if not is_large_sum(error):
                raise
            return self._run(with_large_sums(sql), params).fetchall()

    def _run(self, sql: str, params: Params) -> sqlite3.Cursor:
        return self._connection.execute(*bound(sql, params))


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine that awaits only such a transaction, without an event loop."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    work.close()
    raise RuntimeError("the work awaited something other than its transaction")
