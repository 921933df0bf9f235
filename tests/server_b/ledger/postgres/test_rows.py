"""Statements for many rows."""

from __future__ import annotations

import re

import pytest

from server_b.ledger import roll_up
from server_b.ledger.books import budget_windows, rate_limits, reserving, settling
from server_b.ledger.migrations import migrations
from server_b.ledger.postgres.rows import RowStatements

TYPES = {("t", "a"): "bigint", ("t", "b"): "text", ("t", "id"): "text"}
ROWS = "json_to_recordset(CAST(:rows AS JSON))"


@pytest.mark.parametrize(
    ("one", "many"),
    [
        (
            "INSERT INTO t (id, a) VALUES (:key, :a)",
            f'INSERT INTO t (id, a) SELECT r."key", r."a" FROM {ROWS} AS r("key" text, "a" bigint)',
        ),
        (
            "INSERT INTO t (id, a, b) VALUES (:id, 0, 'x') ON CONFLICT (id) DO NOTHING",
            f'INSERT INTO t (id, a, b) SELECT r."id", 0, \'x\' FROM {ROWS} AS r("id" text) ON CONFLICT (id) DO NOTHING',
        ),
        (
            "UPDATE t SET a = :limit, b = 'lost' WHERE id = :id",
            f'UPDATE t SET a = r."limit", b = \'lost\' FROM {ROWS} AS r("limit" bigint, "id" text) WHERE t.id = r."id"',
        ),
        ("UPDATE t SET a = a + :count WHERE id = :id", None),
        ("UPDATE other SET a = :a WHERE id = :id", None),
        ("DELETE FROM t WHERE id = :id", None),
    ],
)
def test_a_statement_is_rewritten_for_many_rows(one: str, many: str | None) -> None:
    assert RowStatements(TYPES).for_many(one) == many


def columns() -> dict[tuple[str, str], str]:
    """Returns the columns of the schema's tables."""
    found: dict[tuple[str, str], str] = {}
    for statement in (statement for version in migrations().values() for statement in version):
        if match := re.match(r"CREATE TABLE (\w+) \(", statement):
            found |= {(match[1], column): "text" for column in re.findall(r"^    ([a-z_]+) ", statement, re.MULTILINE)}
    return found


@pytest.mark.parametrize(
    "sql",
    [
        budget_windows._WRITE,
        budget_windows._ALERT,
        rate_limits._WRITE,
        reserving._INSERT,
        reserving._INSERT_WINDOW,
        roll_up._DAYS,
        roll_up._HOURS,
        settling._SETTLE,
        settling._ATTEMPT,
        settling._LOSE,
    ],
)
def test_every_statement_of_each_call_has_a_form_for_many_rows(sql: str) -> None:
    assert RowStatements(columns()).for_many(sql) is not None
