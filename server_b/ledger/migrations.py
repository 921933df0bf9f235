"""Migrates a database to this program's schema: numbered files, forward only."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from server_b.ledger.transactions import Transaction


class SchemaTooNew(ValueError):
    """A newer version of the program wrote the database."""


@cache
def migrations() -> dict[int, list[str]]:
    """Returns the statements of each version of the schema, in order."""
    found: dict[int, list[str]] = {}
    for file in sorted((resources.files("server_b.ledger") / "schema").iterdir(), key=lambda file: file.name):
        if match := re.fullmatch(r"(\d{4})_\w+\.sql", file.name):
            text = re.sub(r"--.*", "", file.read_text(encoding="utf-8"))
            found[int(match[1])] = [statement.strip() for statement in text.split(";") if statement.strip()]
    return found


async def migrate(transaction: Transaction, *, has_tables: bool) -> None:
    """Applies the missing versions, in a transaction that excludes all others. Raises SchemaTooNew.

    `has_tables`: whether the table `ledger` exists.
    """
    version = 0
    if has_tables:
        rows = await transaction.fetch("SELECT value FROM ledger WHERE key = 'schema_version'")
        version = rows[0][0] if rows else 0
    newest = max(migrations())
    if version > newest:
        raise SchemaTooNew(f"its schema is version {version}, and this program knows {newest}: install a newer version")
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
