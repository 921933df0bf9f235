"""A connection to PostgreSQL that reconnects when it is lost, and its transactions, one at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import TypeVar

import orjson
import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper

from server_b.ledger.postgres.dialect import SESSION_LOST
from server_b.ledger.postgres.rows import RowStatements
from server_b.ledger.postgres.statements import Connection, PostgresTransaction
from server_b.ledger.transactions import Work

logging.getLogger("psycopg").setLevel(logging.ERROR)  # its warnings repeat what is raised here

T = TypeVar("T")

LOG = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 2
_SET = "SELECT set_config(key, value, %s) FROM json_each_text(%s)"
_PLANS = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")


class LastingConnection:
    """A connection for transactions of one kind."""

    def __init__(self, conninfo: str, *, begin: str, finds_by_key: bool = False) -> None:
        """`begin` is the statement that begins a transaction.

        `finds_by_key` is for transactions that find all rows by key: a plan that was made while a table was small must
        not scan the table once it is large.
        """
        self._conninfo = conninfo
        self._begin = begin
        self._finds_by_key = finds_by_key
        settings = {
            # A relay server that is cut off during a transaction must not hold its locks for long.
            "idle_in_transaction_session_timeout": "5s",
            "client_min_messages": "warning",
            "jit": "off",
            **dict.fromkeys(_PLANS, "off" if finds_by_key else "on"),
        }
        self._settings = orjson.dumps(settings).decode()
        self._is_pooled = False
        """Whether session state is lost between transactions, as behind a pooler."""
        self._connection: Connection | None = None
        self._lock = asyncio.Lock()
        self.statements = RowStatements({})

    async def transact(self, work: Work[T], *, patience_s: float) -> T:
        """Runs `work` in a transaction and commits it. Raises psycopg.Error.

        Cuts the connection after `patience_s` seconds: a server that does not reply is no better than none.
        """
        async with self._lock:
            connection = await self._open()
            cutting = asyncio.get_running_loop().call_later(patience_s, _cut, connection)
            try:
                async with connection.pipeline():
                    await connection.execute(self._begin)
                    if self._is_pooled:
                        await connection.execute(_SET, [True, self._settings])
                    result = await work(PostgresTransaction(connection, self.statements))
                    await connection.execute("COMMIT")
            except SESSION_LOST:
                self._use_no_session()
                await self._drop()
                raise
            except BaseException:
                await self._roll_back(connection)
                raise
            finally:
                cutting.cancel()
            return result

    async def aclose(self) -> None:
        """Closes the connection after its current transaction."""
        async with self._lock:
            await self._drop()

    async def _open(self) -> Connection:
        if self._connection is not None and self._connection.closed:
            await self._drop()
        if self._connection is None:
            connection: Connection = await AsyncConnection.connect(
                self._conninfo,
                autocommit=True,
                prepare_threshold=1,
                connect_timeout=CONNECT_TIMEOUT_S,
            )
            # One integer type for all values: a statement is then prepared once, not once for each size of number.
            connection.adapters.register_dumper(int, Int8Dumper)
            try:
                await self._prepare_session(connection)
            except BaseException:
                await connection.close()
                raise
            self._connection = connection
        return self._connection

    async def _prepare_session(self, connection: Connection) -> None:
        """Sets what all transactions need, unless a pooler gives each transaction another session.

        A pooler must be detected before the first prepared statement: two clients' statements have the same names, so
        one client could run the other's. A pooler shows its clients process ids of its own.
        """
        cursor = await connection.execute("SELECT pg_backend_pid()", prepare=False)
        [(pid,)] = await cursor.fetchall()
        if pid != connection.info.backend_pid:
            self._use_no_session()
        if self._is_pooled:
            connection.prepare_threshold = None
        else:
            await connection.execute(_SET, [False, self._settings])

    def _use_no_session(self) -> None:
        """Stops keeping state in sessions."""
        if not self._is_pooled and self._finds_by_key:
            LOG.warning(
                "the ledger's database is behind a connection pooler, such as PgBouncer: prepared statements are not"
                " used, which makes each call slower; connect LEDGER to PostgreSQL itself if you can"
            )
        self._is_pooled = True

    async def _roll_back(self, connection: Connection) -> None:
        """Rolls back so that the next transaction can begin, or drops the connection."""
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
    """Closes a connection while something waits for it. The wait then fails as if the server had gone."""
    if connection.closed:
        return
    with contextlib.suppress(OSError, psycopg.Error):
        wire = socket.socket(fileno=connection.fileno())
        try:
            wire.shutdown(socket.SHUT_RDWR)
        finally:
            wire.detach()
