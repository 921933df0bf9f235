"""A transaction of PostgreSQL in pipeline mode: statements are sent without waiting for their results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import orjson
from psycopg import AsyncConnection, AsyncCursor

from server_b.ledger.postgres.dialect import translated
from server_b.ledger.postgres.rows import ROWS, RowStatements
from server_b.ledger.transactions import Params, Query, Row

POLICY_LOCK: Final = 7_235_419_001
"""The advisory lock that calls share, and that changes of policy hold exclusively."""
MIGRATION_LOCK: Final = 7_235_419_002

Connection: TypeAlias = AsyncConnection[Row]
_NONE: dict[str, Any] = {}


class PostgresTransaction:
    """Statements on one connection in pipeline mode."""

    def __init__(self, connection: Connection, statements: RowStatements) -> None:
        """The connection's owner begins and ends its transactions."""
        self._connection = connection
        self._statements = statements

    async def fetch(self, sql: str, params: Params = _NONE) -> list[Row]:
        """Runs one statement and returns its rows."""
        return await (await self._send(sql, params)).fetchall()

    async def fetch_each(self, queries: Sequence[Query]) -> list[list[Row]]:
        """Runs several statements in one round trip and returns the rows of each."""
        cursors = [await self._send(sql, params) for sql, params in queries]
        return [await cursor.fetchall() for cursor in cursors]

    async def execute(self, sql: str, params: Params = _NONE) -> None:
        """Sends one statement."""
        await self._send(sql, params)

    async def execute_many(self, sql: str, rows: Sequence[Params]) -> None:
        """Sends one statement for all rows, or one per row if there is no such statement."""
        if not rows:
            return
        for_many = self._statements.for_many(sql)
        if for_many is None:
            await self._connection.cursor().executemany(translated(sql), rows)
        else:
            await self._send(for_many, {ROWS: orjson.dumps(rows).decode()})

    async def lock_policy(self, *, to_change: bool) -> None:
        """Takes the lock, shared or exclusive, until the transaction ends."""
        function = "pg_advisory_xact_lock" if to_change else "pg_advisory_xact_lock_shared"
        await self._send(f"SELECT {function}({POLICY_LOCK})", _NONE)

    async def _send(self, sql: str, params: Params) -> AsyncCursor[Row]:
        return await self._connection.cursor().execute(translated(sql), params or None)
