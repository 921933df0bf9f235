"""Turns statements for one row into statements for many. The rows travel as one JSON text, which is far cheaper.

INSERT INTO t (a, b) VALUES (:a, :b)    →  INSERT INTO t (a, b) SELECT r.a, r.b FROM json_to_recordset(…) AS r(…)
UPDATE t SET a = :a WHERE id = :id      →  UPDATE t SET a = r.a FROM json_to_recordset(…) AS r(…) WHERE t.id = r.id
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

ROWS = "rows"
"""The parameter that contains the JSON."""

_INSERT = re.compile(r"INSERT INTO (\w+) \(([\w, ]+)\) VALUES \(([:\w, ']+)\)(.*)", re.DOTALL)
_UPDATE = re.compile(r"UPDATE (\w+) SET (.+) WHERE ((?:\w+ = :\w+(?: AND )?)+)")
_PAIR = re.compile(r"(\w+) = :(\w+)")
_CHANGE = r'\1 = r."\2"'

Types: TypeAlias = Mapping[tuple[str, str], str]
"""The type of each column, by table and name."""


class RowStatements:
    """Turns statements for one row into statements for many."""

    def __init__(self, types: Types) -> None:
        """`types` are the column types of the existing tables."""
        self._types = types
        self._made: dict[str, str | None] = {}

    def for_many(self, sql: str) -> str | None:
        """Returns the statement for many rows, or None if it has no such form."""
        if sql not in self._made:
            self._made[sql] = self._make(sql)
        return self._made[sql]

    def _make(self, sql: str) -> str | None:
        if match := _INSERT.fullmatch(sql):
            table, columns, values, rest = match.groups()
            pairs = list(zip(columns.split(", "), values.split(", "), strict=True))
            rows = self._rows(table, [(column, value[1:]) for column, value in pairs if value.startswith(":")])
            chosen = ", ".join(f'r."{value[1:]}"' if value.startswith(":") else value for _, value in pairs)
            return rows and f"INSERT INTO {table} ({columns}) SELECT {chosen} FROM {rows}{rest}"  # noqa: S608
        if match := _UPDATE.fullmatch(sql):
            table, changes, where = match.groups()
            if ":" in _PAIR.sub("", changes):
                return None
            rows = self._rows(table, _PAIR.findall(f"{changes}, {where}"))
            keys = _PAIR.sub(rf'{table}.\1 = r."\2"', where)
            return rows and f"UPDATE {table} SET {_PAIR.sub(_CHANGE, changes)} FROM {rows} WHERE {keys}"  # noqa: S608
        return None

    def _rows(self, table: str, pairs: list[tuple[str, str]]) -> str | None:
        """Returns the rows as a table, from pairs of a column and its parameter."""
        types = {name: self._types.get((table, column)) for column, name in pairs}
        if None in types.values():
            return None
        columns = ", ".join(f'"{name}" {type_}' for name, type_ in types.items())
        return f"json_to_recordset(CAST(:{ROWS} AS JSON)) AS r({columns})"
