"""No statement that runs with calls or on a timer scans a whole table: each finds its rows by a key."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from server_b.ledger import policies, roll_up
from server_b.ledger.books import budget_windows, leases, rate_limits, reserving, settling
from server_b.ledger.open_ledger import open_store
from server_b.ledger.sqlite.dialect import translated

MODULES = (budget_windows, leases, policies, rate_limits, reserving, roll_up, settling)
CALLS = {"calls", "c"}
"""The table and its name in joins. It is searched by id, or by the index of open calls, which stays small."""
TABLES = {
    "alerts",
    "budgets",
    "callers",
    "prices",
    "rate_buckets",
    "reservations",
    "tokens",
    "usage_days",
    "usage_hours",
    "windows",
}
SMALL = {"servers", "ledger"}
"""Tables with a row for each server, or a few rows."""


def statements(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Returns the constants of a module that are complete statements."""
    for name, value in vars(module).items():
        if isinstance(value, str) and re.match(r"(SELECT|INSERT INTO|UPDATE|DELETE FROM) ", value):
            yield f"{module.__name__.rpartition('.')[2]}.{name}", value


STATEMENTS = dict(found for module in MODULES for found in statements(module))


@pytest.fixture(scope="module")
async def connection(tmp_path_factory: pytest.TempPathFactory) -> sqlite3.Connection:
    """A connection to an empty ledger, whose plans are those of a full one because nothing was analysed."""
    folder: Path = tmp_path_factory.mktemp("plans")
    await (await open_store("sqlite:///relay.db", folder=folder)).aclose()
    connection = sqlite3.connect(folder / "relay.db")
    connection.create_function("now_us", 0, lambda: 0)
    return connection


def without_a_key(connection: sqlite3.Connection, sql: str, params: dict[str, object]) -> list[str]:
    """Returns the steps of a statement's plan that do not find their rows by a key."""
    found = []
    for _, _, _, step in connection.execute(f"EXPLAIN QUERY PLAN {sql}", params):
        match = re.match(r"(SCAN|SEARCH) (\w+)(?: AS \w+)?(?: USING (?:COVERING )?INDEX (\w+))?", step)
        if match is None or match[2] not in {*CALLS, *TABLES} - SMALL:
            continue
        is_searched = match[1] == "SEARCH" or match[3] == "calls_open"
        if not is_searched or (match[2] in CALLS and match[3] not in {"calls_open", "sqlite_autoindex_calls_1"}):
            found.append(step)
    return found


@pytest.mark.anyio
@pytest.mark.parametrize("name", STATEMENTS)
async def test_rows_are_found_by_a_key(connection: sqlite3.Connection, name: str) -> None:
    many, one, lists = translated(STATEMENTS[name])
    for sql in (many, one):
        params: dict[str, object] = {found: "[]" if found in lists else 0 for found in re.findall(r":([a-z]\w*)", sql)}
        assert without_a_key(connection, sql, params) == []


@pytest.mark.anyio
@pytest.mark.parametrize("table", ["calls", "calls c", "windows", "usage_hours"])
async def test_a_scan_of_a_whole_table_is_noticed(connection: sqlite3.Connection, table: str) -> None:
    assert len(without_a_key(connection, f"SELECT * FROM {table}", {})) == 1


def test_all_statements_are_checked() -> None:
    assert len(STATEMENTS) > 20
