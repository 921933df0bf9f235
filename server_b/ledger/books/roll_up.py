"""Calls that ended, added up by the hour: `relay usage` reads this, not the calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from server_b.ledger.times import US_PER_HOUR
from server_b.ledger.transactions import Transaction


class Group(NamedTuple):
    """What calls are added up by."""

    hour: int
    account: str
    provider: str
    model: str
    protocol: str
    outcome: str


@dataclass(slots=True)
class Counts:
    """What calls took, or what their counts change by."""

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
_UPSERT = (
    f"INSERT INTO usage_hours ({', '.join(_ALL)}) VALUES ({', '.join(':' + name for name in _ALL)})"  # noqa: S608
    f" ON CONFLICT ({', '.join(Group._fields)}) DO UPDATE SET "
    + ", ".join(f"{name} = usage_hours.{name} + excluded.{name}" for name in _COUNTS)
)


class RollUp:
    """What one transaction adds."""

    def __init__(self) -> None:
        """Begins with nothing."""
        self._groups: dict[Group, Counts] = {}

    def of(self, started_at: int, account: str, provider: str, model: str, protocol: str, outcome: str) -> Counts:
        """Returns the counts of a call's group, to be added to."""
        group = Group(started_at - started_at % US_PER_HOUR, account, provider, model, protocol, outcome)
        counts = self._groups.get(group)
        if counts is None:
            counts = self._groups[group] = Counts()
        return counts

    async def write(self, transaction: Transaction) -> None:
        """Writes all groups in one order, so that two servers never wait for each other."""
        if not self._groups:
            return
        rows: list[dict[str, Any]] = []
        for group in sorted(self._groups):
            counts = self._groups[group]
            row: dict[str, Any] = group._asdict()
            row.update((name, getattr(counts, name)) for name in _COUNTS)
            rows.append(row)
        await transaction.execute_many(_UPSERT, rows)
