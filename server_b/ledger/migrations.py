"""Migrates a database to this program's schema: numbered files, forward only."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from functools import cache
from importlib import resources
from typing import TypeVar

from server_b.ledger.live_servers import LEASE_S, live_servers
from server_b.ledger.transactions import Transaction

LOG = logging.getLogger(__name__)

T = TypeVar("T")

IN_USE_PATIENCE_S = LEASE_S + 2
"""How long a start waits for servers of an older version to end: as long as the lease of a killed one, and a little."""
IN_USE_POLL_S = 0.2


class WrongSchema(ValueError):
    """This program cannot use the database as it is."""


class SchemaTooNew(WrongSchema):
    """A newer version of the program wrote the database."""


class SchemaInUse(WrongSchema):
    """Servers of an older version use the database, and would not write what the newer schema needs."""


@cache
def migrations() -> dict[int, list[str]]:
    """Returns the statements of each version of the schema, in order."""
    found: dict[int, list[str]] = {}
    for file in sorted((resources.files("server_b.ledger") / "schema").iterdir(), key=lambda file: file.name):
        if match := re.fullmatch(r"(\d{4})_\w+\.sql", file.name):
            text = re.sub(r"--.*", "", file.read_text(encoding="utf-8"))
            found[int(match[1])] = [statement.strip() for statement in text.split(";") if statement.strip()]
    return found


async def schema_version(transaction: Transaction) -> int:
    """Returns the version of the schema. The table `ledger` must exist."""
    rows = await transaction.fetch("SELECT value FROM ledger WHERE key = 'schema_version'")
    return int(rows[0][0]) if rows else 0


def check_version(version: int) -> None:
    """Raises SchemaTooNew if this program does not know a version of the schema."""
    newest = max(migrations())
    if version > newest:
        raise SchemaTooNew(
            f"its schema is version {version}, and this program knows {newest}: install a newer version,"
            " or restore a backup from before the upgrade"
        )


async def when_unused(
    migrating: Callable[[], Awaitable[T]], location: str, *, patience_s: float = IN_USE_PATIENCE_S
) -> T:
    """Runs `migrating`, and again while it raises SchemaInUse: servers of an older version may end soon.

    Raises SchemaInUse if they do not within `patience_s` seconds.
    """
    loop = asyncio.get_running_loop()
    deadline, has_logged = loop.time() + patience_s, False
    while True:
        try:
            return await migrating()
        except SchemaInUse as error:
            if loop.time() > deadline:
                raise
            if not has_logged:
                LOG.warning("LEDGER: waiting for %s: %s", location, error)
            has_logged = True
            await asyncio.sleep(IN_USE_POLL_S)


async def migrate(transaction: Transaction, *, has_tables: bool) -> None:
    """Applies the missing versions, in a transaction that excludes all others. Raises WrongSchema.

    `has_tables`: whether the table `ledger` exists.
    """
    version = await schema_version(transaction) if has_tables else 0
    newest = max(migrations())
    check_version(version)
    if 0 < version < newest:
        if count := await live_servers(transaction):
            raise SchemaInUse(
                f"its schema is version {version}, this program needs {newest}, and servers of an older version still"
                f" use it ({count}): stop all of them first, because they do not write what the newer schema needs"
            )
        LOG.info("LEDGER: changing the schema from version %d to %d", version, newest)
        # A server that only seemed dead then reads the policy again, and finds the new version.
        await transaction.execute("UPDATE ledger SET value = value + 1 WHERE key = 'revision'")
    for number, statements in migrations().items():
        if number > version:
            for statement in statements:
                await transaction.execute(statement)
    # Written even if nothing changed, so that a read-only database is found at the start.
    await transaction.execute(
        "INSERT INTO ledger (key, value) VALUES ('schema_version', :version)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        {"version": newest},
    )
