"""Reads the ledger's tables from the file."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_COLUMNS = (
    "id, request_id, protocol, state, outcome, accuracy, nano_usd, reserved_nano_usd, charged_nano_usd, input_tokens,"
    " output_tokens, is_overrun, joined"
)


@dataclass(frozen=True, slots=True)
class Row:
    """The row of a call."""

    id: str
    request_id: str
    protocol: str
    state: str
    outcome: str
    accuracy: str
    nano_usd: int | None
    reserved_nano_usd: int | None
    charged_nano_usd: int
    input_tokens: int | None
    output_tokens: int | None
    is_overrun: int
    joined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The content of the ledger at one moment."""

    rows: Mapping[str, list[Row]]
    """By request_id."""
    attempts: Mapping[str, int]
    """The number of attempts, by the call's id."""
    may_have_worked: Mapping[str, bool]
    """Whether one of a call's attempts may have worked, by the call's id."""
    spent: int
    reserved: int
    """The total reserved in all windows of the budget."""
    charged_by: Mapping[str, int]
    """The total charged, by hours and by days of usage."""

    @property
    def all(self) -> list[Row]:
        """All rows."""
        return [row for rows in self.rows.values() for row in rows]

    @classmethod
    def read(cls, path: Path) -> Book:
        """Reads the file, even while a server writes it."""
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
            database.execute("BEGIN")
            rows: dict[str, list[Row]] = defaultdict(list)
            for values in database.execute(f"SELECT {_COLUMNS} FROM calls ORDER BY id"):  # noqa: S608 - of this file
                row = Row(*values)
                rows[row.request_id].append(row)
            tried = database.execute("SELECT call_id, COUNT(*), MAX(may_have_worked) FROM attempts GROUP BY call_id")
            attempts = {call_id: (count, bool(worked)) for call_id, count, worked in tried}
            spent, reserved = database.execute(
                "SELECT COALESCE(SUM(spent_nano_usd), 0), COALESCE(SUM(reserved_nano_usd), 0) FROM windows"
            ).fetchone()
            charged_by = {
                unit: database.execute(f"SELECT COALESCE(SUM(charged_nano_usd), 0) FROM usage_{unit}").fetchone()[0]  # noqa: S608
                for unit in ("hours", "days")
            }
        return cls(
            rows=rows,
            attempts={call_id: count for call_id, (count, _) in attempts.items()},
            may_have_worked={call_id: worked for call_id, (_, worked) in attempts.items()},
            spent=spent,
            reserved=reserved,
            charged_by=charged_by,
        )


async def until_settled(path: Path, *, within_s: float) -> None:
    """Waits until no call is open. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
            while database.execute("SELECT COUNT(*) FROM calls WHERE state = 'open'").fetchone() != (0,):  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # the writer is another process
