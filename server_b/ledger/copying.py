"""Moves a ledger from SQLite to PostgreSQL row by row, and compares the two at the end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server_b.ledger.live_servers import LEASE_S
from server_b.ledger.open_ledger import POSTGRES, SQLITE, LedgerError, open_store
from server_b.ledger.times import US_PER_S
from server_b.ledger.transactions import Store, Transaction

ROWS_AT_ONCE = 500
_COPYING = "copying"
"""The key in the target's table `ledger` while it is being filled."""
_SUMS = (
    "nano_usd",
    "charged_nano_usd",
    "spent_nano_usd",
    "reserved_nano_usd",
    "calls",
    "input_tokens",
    "output_tokens",
)

Progress = Callable[[str, int, int], None]
"""Called with a table, the number of its rows copied so far, and the number of its rows."""


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    rows: int


async def copy_ledger(
    source_url: str,
    target_url: str,
    *,
    folder: Path,
    progress: Progress | None = None,
    rows_at_once: int = ROWS_AT_ONCE,
) -> int:
    """Copies the SQLite ledger of `source_url` to the PostgreSQL database of `target_url`; returns the number of rows.

    No server may use either. The target must be empty; an interrupted copy continues where it stopped. Raises
    LedgerError if a server or a row is found, if a ledger cannot be opened, and if the two differ at the end. Raises
    LedgerUnavailable if the connection is lost.
    """
    if not source_url.startswith(SQLITE) or not target_url.startswith(POSTGRES):
        raise LedgerError("a ledger can only be copied from sqlite:///FILE to postgresql://USER@HOST/DATABASE")
    async with AsyncExitStack() as stack:
        source = await open_store(source_url, folder=folder)
        stack.push_async_callback(source.aclose)
        target = await open_store(target_url, folder=folder)
        stack.push_async_callback(target.aclose)
        await _check_unused(source)
        await _check_unused(target)
        tables = await source.read(_tables)
        await target.write(lambda transaction: _begin(transaction, tables))
        for table in tables:
            await _copy_table(source, target, table, progress or _nobody, rows_at_once)
        await _compare(source, target, tables)
        settings = await source.read(_settings)
        await target.write(lambda transaction: _finish(transaction, settings))
        return sum(table.rows for table in tables)


def _nobody(table: str, done: int, rows: int) -> None:
    """Ignores progress."""


async def _check_unused(store: Store) -> None:
    async def read(transaction: Transaction) -> bool:
        return bool(
            await transaction.fetch(
                "SELECT id FROM servers WHERE heartbeat_at > now_us() - :lease LIMIT 1",
                {"lease": int(LEASE_S * US_PER_S)},
            )
        )

    if await store.read(read):
        raise LedgerError(
            f"{store.location} is used by a server: stop every Server B, wait {LEASE_S:.0f} seconds, and try again"
        )


async def _tables(transaction: Transaction) -> list[_Table]:
    """Lists the tables from SQLite's schema, so that tables of later versions are included."""
    names = await transaction.fetch(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('ledger', 'servers')"
        " AND name NOT LIKE 'sqlite%' ORDER BY name"
    )
    tables = []
    for (name,) in names:
        columns = await transaction.fetch("SELECT name, pk FROM pragma_table_info(:name) ORDER BY cid", {"name": name})
        key = [column for column, place in sorted(columns, key=lambda column: int(column[1])) if place]
        [[rows]] = await transaction.fetch(f"SELECT COUNT(*) FROM {name}")  # noqa: S608 - a table's name
        tables.append(_Table(name, tuple(column for column, _ in columns), tuple(key), rows))
    return tables


async def _begin(transaction: Transaction, tables: list[_Table]) -> None:
    if await transaction.fetch("SELECT value FROM ledger WHERE key = :key", {"key": _COPYING}):
        return
    for table in tables:
        if await transaction.fetch(f"SELECT 1 FROM {table.name} LIMIT 1"):  # noqa: S608 - a table's name
            raise LedgerError(f"the database already has rows in table {table.name}: name an empty database")
    await transaction.execute("INSERT INTO ledger (key, value) VALUES (:key, 1)", {"key": _COPYING})


async def _copy_table(source: Store, target: Store, table: _Table, progress: Progress, rows_at_once: int) -> None:
    names, key = ", ".join(table.columns), ", ".join(table.key)
    after = f" WHERE ({key}) > ({', '.join(f':{column}' for column in table.key)})"
    select = f"SELECT {names} FROM {table.name}%s ORDER BY {key} LIMIT {rows_at_once}"  # noqa: S608 - names of the schema
    insert = (
        f"INSERT INTO {table.name} ({names}) VALUES ({', '.join(f':{column}' for column in table.columns)})"  # noqa: S608
        f" ON CONFLICT ({key}) DO NOTHING"
    )
    last: dict[str, Any] = {}
    done = 0
    while True:
        where = after if last else ""
        rows = await source.read(lambda transaction, where=where, last=last: transaction.fetch(select % where, last))  # type: ignore[misc]
        batch = [dict(zip(table.columns, row, strict=True)) for row in rows]
        await target.write(lambda transaction, batch=batch: transaction.execute_many(insert, batch))  # type: ignore[misc]
        done += len(batch)
        progress(table.name, done, table.rows)
        if len(batch) < rows_at_once:
            return
        last = {column: batch[-1][column] for column in table.key}


async def _compare(source: Store, target: Store, tables: list[_Table]) -> None:
    for table in tables:
        summed = [column for column in table.columns if column in _SUMS]
        sums = ", ".join(("COUNT(*)", *(f"CAST(SUM({column}) AS BIGINT)" for column in summed)))
        sql = f"SELECT {sums} FROM {table.name}"  # noqa: S608 - names of the schema
        here = await source.read(lambda transaction, sql=sql: transaction.fetch(sql))  # type: ignore[misc]
        there = await target.read(lambda transaction, sql=sql: transaction.fetch(sql))  # type: ignore[misc]
        if here != there:
            names = ", ".join(("rows", *summed))
            raise LedgerError(f"the copy of the table {table.name} differs ({names}): {here[0]} became {there[0]}")


async def _settings(transaction: Transaction) -> list[tuple[str, int]]:
    rows = await transaction.fetch("SELECT key, value FROM ledger WHERE key <> 'schema_version'")
    return [(key, value) for key, value in rows]


async def _finish(transaction: Transaction, settings: list[tuple[str, int]]) -> None:
    await transaction.execute_many(
        "INSERT INTO ledger (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [{"key": key, "value": value} for key, value in settings],
    )
    await transaction.execute("DELETE FROM ledger WHERE key = :key", {"key": _COPYING})
