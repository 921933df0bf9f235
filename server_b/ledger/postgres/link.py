"""One connection to PostgreSQL that is made again when it was lost, and the transactions on it, one at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper

from server_b.ledger.postgres.rows import RowStatements
from server_b.ledger.postgres.transaction import Connection, PostgresTransaction
from server_b.ledger.transactions import Work

logging.getLogger("psycopg").setLevel(logging.ERROR)  # its warnings say again what is raised here

T = TypeVar("T")

CONNECT_TIMEOUT_S = 2
_SESSION = (
    # A server of the relay that is cut off in the middle of a transaction must not hold its locks for long.
    "SET idle_in_transaction_session_timeout = '5s'; SET client_min_messages = 'warning';SET jit = off"
)
BY_KEY = (
    # Everything that is written is found by a key. A plan that was made while a table was small must not read all of it
    # when it is large.
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"
)


class Link:
    """A connection for transactions of one kind."""

    def __init__(self, conninfo: str, *, begin: str, session: str = "") -> None:
        """`begin` begins a transaction; `session` is done once on each connection."""
        self._session = f"{_SESSION};{session}"
        self._conninfo = conninfo
        self._begin = begin
        self._connection: Connection | None = None
        self._lock = asyncio.Lock()
        self.statements = RowStatements({})

    async def transact(self, work: Work[T], *, patience_s: float) -> T:
        """Runs `work` in a transaction and commits it, or raises psycopg.Error.

        After `patience_s` seconds the connection is cut: a server that does not answer is no better than none.
        """
        async with self._lock:
            connection = await self._open()
            cutting = asyncio.get_running_loop().call_later(patience_s, _cut, connection)
            try:
                async with connection.pipeline():
                    await connection.execute(self._begin)
                    result = await work(PostgresTransaction(connection, self.statements))
                    await connection.execute("COMMIT")
            except BaseException:
                await self._roll_back(connection)
                raise
            finally:
                cutting.cancel()
            return result

    async def aclose(self) -> None:
        """Closes the connection, after what runs on it."""
        async with self._lock:
            await self._drop()

    async def _open(self) -> Connection:
        if self._connection is not None and self._connection.closed:
            await self._drop()
        if self._connection is None:
            connection: Connection = await AsyncConnection.connect(
                self._conninfo, autocommit=True, prepare_threshold=1, connect_timeout=CONNECT_TIMEOUT_S
            )
            # One integer type for all values: a statement is then prepared once, not once for each size of number.
            connection.adapters.register_dumper(int, Int8Dumper)
            try:
                await connection.execute(self._session)
            except BaseException:
                await connection.close()
                raise
            self._connection = connection
        return self._connection

    async def _roll_back(self, connection: Connection) -> None:
        """Brings the connection back to where a transaction can begin, or drops it."""
        try:
            if connection.pgconn.transaction_status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}:
                await connection.execute("ROLLBACK")
        except psycopg.Error:
            await self._drop()
        if connection.pgconn.transaction_status != TransactionStatus.IDLE:
            await self._drop()

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                await connection.close()


def _cut(connection: Connection) -> None:
    """Ends a connection under whatever waits for it, which then fails as if the server had gone."""
    if connection.closed:
        return
    with contextlib.suppress(OSError, psycopg.Error):
        wire = socket.socket(fileno=connection.fileno())
        try:
            wire.shutdown(socket.SHUT_RDWR)
        finally:
            wire.detach()
