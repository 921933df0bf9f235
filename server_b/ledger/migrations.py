"""Brings a database to the schema that this program knows: numbered files, forward only."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from server_b.ledger.transactions import Transaction


class SchemaTooNew(ValueError):
    """The database was written by a newer version of the program."""


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
    """Applies what is missing, within a transaction that nobody else can be in; raises SchemaTooNew.

    `has_tables` tells whether the table `ledger` exists.
    """
    version = 0
    if has_tables:
        rows = await transaction.fetch("SELECT value FROM ledger WHERE key = 'schema_version'")
        version = rows[0][0] if rows else 0
    newest = max(migrations())
    if version > newest:
        raise SchemaTooNew(f"its schema is version {version}, and this program knows {newest}: install a newer one")
    for number, statements in migrations().items():
        if number > version:
            for statement in statements:
                await transaction.execute(statement)
    # Written even when nothing changed: a database that cannot be written is found at the start.
    await transaction.execute(
        "INSERT INTO ledger (key, value) VALUES ('schema_version', :version)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        {"version": newest},
    )
