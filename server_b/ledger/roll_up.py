"""Totals of ended calls by hour and by day of UTC. `relay usage` reads these instead of the calls."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from server_b.ledger.entries import MOST_SUM
from server_b.ledger.times import US_PER_DAY, US_PER_HOUR
from server_b.ledger.transactions import Transaction


class Group(NamedTuple):
    """What calls are added up by."""

    at: int
    """When the hour or the day begins."""
    account: str
    provider: str
    model: str
    protocol: str
    outcome: str


@dataclass(slots=True)
class Counts:
    """The totals of a group, or changes to them."""

    calls: int = 0
    failed: int = 0
    unknown_cost_calls: int = 0
    joined: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    nano_usd: int = 0
    charged_nano_usd: int = 0


_COUNTS = tuple(Counts.__dataclass_fields__)
_ALL = (*Group._fields, *_COUNTS)
_key, _counted = itemgetter(*Group._fields), attrgetter(*_COUNTS)


def _upsert(table: str, time: str) -> str:
    columns, key = (", ".join((time, *names[1:])) for names in (_ALL, Group._fields))
    sums = (
        f"{name} = CASE WHEN excluded.{name} > {MOST_SUM} - {table}.{name} THEN {MOST_SUM}"
        f" ELSE {table}.{name} + excluded.{name} END"
        for name in _COUNTS
    )
    return (
        f"INSERT INTO {table} ({columns}) VALUES ({', '.join(':' + name for name in _ALL)})"  # noqa: S608 - of this file
        f" ON CONFLICT ({key}) DO UPDATE SET {', '.join(sums)}"
    )


_HOURS, _DAYS = _upsert("usage_hours", "hour"), _upsert("usage_days", "day")


class RollUp:
    """What one transaction adds to the totals."""

    def __init__(self) -> None:
        """Starts empty."""
        self._groups: dict[Group, Counts] = {}

    def of(self, started_at: int, account: str, provider: str, model: str, protocol: str, outcome: str) -> Counts:
        """Returns the counts of a call's group. Add the call to them."""
        group = Group(started_at - started_at % US_PER_HOUR, account, provider, model, protocol, outcome)
        counts = self._groups.get(group)
        if counts is None:
            counts = self._groups[group] = Counts()
        return counts

    async def write(self, transaction: Transaction) -> None:
        """Writes hours and days, always in the same order, so that two servers cannot deadlock."""
        if self._groups:
            rows = self._rows()
            await transaction.execute_many(_HOURS, rows)
            await transaction.execute_many(_DAYS, _by_day(rows))

    async def write_hours(self, transaction: Transaction) -> None:
        """Writes only hours; their days count them already."""
        await transaction.execute_many(_HOURS, self._rows())

    def _rows(self) -> list[dict[str, Any]]:
        return [
            dict(zip(_ALL, (*group, *(min(count, MOST_SUM) for count in _counted(counts))), strict=True))
            for group, counts in sorted(self._groups.items(), key=itemgetter(0))
        ]


def _by_day(hours: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Adds up the rows of hours by day; returns the days in order."""
    days: dict[tuple[Any, ...], dict[str, Any]] = {}
    for hour in hours:
        row = hour | {"at": hour["at"] - hour["at"] % US_PER_DAY}
        day = days.setdefault(_key(row), row)
        if day is not row:
            for name in _COUNTS:
                day[name] = min(day[name] + row[name], MOST_SUM)
    return [days[key] for key in sorted(days)]
