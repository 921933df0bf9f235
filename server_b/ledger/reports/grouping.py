"""Puts sums together that belong to one group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import orjson

from llm_relay.messages.accounts import Dimension, UsageGroup, UsageQuery
from server_b.ledger.times import US_PER_S
from server_b.ledger.transactions import Row

NO_TAG = ""
"""The group of the calls that do not have the tag."""
_COUNTS = 11


class Grouping:
    """The groups of one query."""

    def __init__(self, query: UsageQuery) -> None:
        """Begins without groups."""
        self._query = query
        self._zone = ZoneInfo(query.time_zone)
        self._columns = [each for each in query.by if each not in (Dimension.DAY, Dimension.HOUR)]
        self._sums: dict[tuple[str, ...], list[int]] = {}
        self._times: dict[int, tuple[str, str]] = {}

    def add(self, rows: Iterable[Row]) -> None:
        """Adds rows of the time, the query's other dimensions in their order, and the counts."""
        width = 1 + len(self._columns)
        for row in rows:
            key = self._key(row[:width])
            sums = self._sums.setdefault(key, [0] * _COUNTS)
            for index, count in enumerate(row[width:]):
                sums[index] += count or 0

    def groups(self) -> Sequence[UsageGroup]:
        """Returns the groups in the order of their values; one group if the query has no dimensions."""
        if not self._query.by:
            self._sums.setdefault((), [0] * _COUNTS)
        names = [dimension.value for dimension in self._query.by]
        found = sorted(self._sums.items())
        return [
            _group(dict(zip(names, key, strict=True)), sums) for key, sums in found if sums[0] or not self._query.by
        ]

    def _key(self, row: Row) -> tuple[str, ...]:
        values: dict[Dimension, str] = dict(zip(self._columns, row[1:], strict=True))
        if Dimension.TAG in values:
            values[Dimension.TAG] = orjson.loads(values[Dimension.TAG]).get(self._query.tag_key, NO_TAG)
        if len(values) < len(self._query.by):
            values[Dimension.DAY], values[Dimension.HOUR] = self._time(row[0])
        return tuple(values[dimension] for dimension in self._query.by)

    def _time(self, at_us: int) -> tuple[str, str]:
        """Returns the day and the hour that a time is in."""
        found = self._times.get(at_us)
        if found is None:
            local = datetime.fromtimestamp(at_us // US_PER_S, self._zone)
            found = self._times[at_us] = (f"{local:%Y-%m-%d}", f"{local:%Y-%m-%dT%H}:00")
        return found


def _group(group: dict[str, str], sums: Sequence[int]) -> UsageGroup:
    (calls, failed, unknown, joined, inputs, outputs, cache_read, cache_write, reasoning, nano_usd, charged) = sums
    return UsageGroup(
        group=group,
        calls=calls,
        failed=failed,
        unknown_cost_calls=unknown,
        joined=joined,
        input_tokens=inputs,
        output_tokens=outputs,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        reasoning_tokens=reasoning,
        nano_usd=nano_usd,
        charged_nano_usd=charged,
    )
