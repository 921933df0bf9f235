"""A Store in PostgreSQL: one connection for writes, one for short reads and two for reports, opened when needed."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from server_b.ledger.migrations import IN_USE_PATIENCE_S, WrongSchema, migrate, when_unused
from server_b.ledger.postgres.connection import LastingConnection
from server_b.ledger.postgres.dialect import (
    SESSION_LOST,
    first_line,
    is_of_the_database,
    is_transient,
    is_wrong_setting,
    unavailable,
)
from server_b.ledger.postgres.rows import RowStatements
from server_b.ledger.postgres.statements import MIGRATION_LOCK
from server_b.ledger.transactions import Transaction, Work

LOG = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE_S = 5.0
"""How long a transaction may take in all, including a reconnect and retries, in seconds."""
LONG_PATIENCE_S = 60.0
"""The same for reports, and for changes that count calls."""
MIGRATION_PATIENCE_S = 600.0
RECONNECT_S = 0.1
READERS = 2
_COLUMNS = (
    "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = current_schema()"
)
_READ_ONLY = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class WrongSetting(ValueError):
    """The database refuses this program, and waiting does not change that."""


class PostgresStore:
    """A ledger in a database."""

    def __init__(self, url: str) -> None:
        """Does not connect yet. Raises WrongSetting if the URL is not one of PostgreSQL."""
        try:
            parts = conninfo_to_dict(url)
            conninfo = make_conninfo(url, application_name=parts.get("application_name") or "grpc-llm-relay")
        except psycopg.Error as error:
            raise WrongSetting(first_line(error)) from error
        if not all(number.isascii() and number.isdecimal() for number in str(parts.get("port") or "5432").split(",")):
            raise WrongSetting(f"{parts['port']} is not a port")
        user = f"{parts['user']}@" if parts.get("user") else ""
        port = f":{parts['port']}" if parts.get("port") else ""
        self._location = f"postgresql://{user}{parts.get('host') or ''}{port}/{parts.get('dbname') or ''}"
        self._writing = LastingConnection(conninfo, begin="BEGIN", finds_by_key=True)
        self._peeking = LastingConnection(conninfo, begin=_READ_ONLY)
        self._reading: asyncio.LifoQueue[LastingConnection] = asyncio.LifoQueue()
        for _ in range(READERS):
            self._reading.put_nowait(LastingConnection(conninfo, begin=_READ_ONLY))
        self._is_migrated = False
        self._migrating = asyncio.Lock()

    @property
    def location(self) -> str:
        """The URL without its password."""
        return self._location

    async def start(self, *, patience_s: float = IN_USE_PATIENCE_S) -> None:
        """Migrates the schema if the database can be reached; otherwise the first transaction does.

        Waits `patience_s` seconds for servers of an older version to end. Raises WrongSetting and WrongSchema.
        """
        try:
            await when_unused(self._migrate, self.location, patience_s=patience_s)
        except psycopg.Error as error:
            if is_wrong_setting(error):
                raise WrongSetting(first_line(error)) from error
            LOG.warning("the ledger cannot be reached yet; calls are refused: %s: %s", self.location, first_line(error))

    async def write(self, work: Work[T], *, is_long: bool = False, is_durable: bool = True) -> T:  # noqa: ARG002
        """Runs `work` in a write transaction and commits it. Retries if the connection is lost."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (LONG_PATIENCE_S if is_long else PATIENCE_S)
        while True:
            try:
                await self._migrate()
                return await self._writing.transact(work, patience_s=max(deadline - loop.time(), 0.1))
            except (psycopg.Error, WrongSchema) as error:
                left_s = deadline - loop.time()
                if left_s <= RECONNECT_S or not self._may_be_repeated(error):
                    raise self._as_ours(error) from error
                if not is_transient(error):
                    await asyncio.sleep(RECONNECT_S)

    async def peek(self, work: Work[T]) -> T:
        """Runs `work`, which reads little."""
        return await self._read(self._peeking, work, PATIENCE_S)

    async def read(self, work: Work[T]) -> T:
        """Runs `work` on one of the connections for reports."""
        connection = await self._reading.get()
        try:
            return await self._read(connection, work, LONG_PATIENCE_S)
        finally:
            self._reading.put_nowait(connection)

    async def aclose(self) -> None:
        """Closes the connections after their current transactions."""
        await self._writing.aclose()
        await self._peeking.aclose()
        for _ in range(READERS):
            await (await self._reading.get()).aclose()

    async def _read(self, connection: LastingConnection, work: Work[T], patience_s: float) -> T:
        try:
            # The first try may find a connection or session that was lost since its last use.
            with suppress(psycopg.OperationalError, *SESSION_LOST):
                await self._migrate()
                return await connection.transact(work, patience_s=patience_s)
            return await connection.transact(work, patience_s=patience_s)
        except (psycopg.Error, WrongSchema) as error:
            raise self._as_ours(error) from error

    async def _migrate(self) -> None:
        if self._is_migrated:
            return

        async def work(transaction: Transaction) -> None:
            await transaction.execute(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
            rows = await transaction.fetch("SELECT to_regclass('ledger') IS NOT NULL")
            await migrate(transaction, has_tables=rows[0][0])
            columns = await transaction.fetch(_COLUMNS)
            self._writing.statements = RowStatements({(row[0], row[1]): row[2] for row in columns})

        async with self._migrating:
            if not self._is_migrated:
                await self._writing.transact(work, patience_s=MIGRATION_PATIENCE_S)
                self._is_migrated = True

    def _as_ours(self, error: Exception) -> Exception:
        if is_of_the_database(error) or isinstance(error, WrongSchema):
            return unavailable(error, self.location)
        return error

    @staticmethod
    def _may_be_repeated(error: Exception) -> bool:
        return is_transient(error) or (isinstance(error, psycopg.OperationalError) and is_of_the_database(error))
