"""Merges the sums that belong to one group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

from llm_relay.messages.accounts import Dimension, UsageGroup
from server_b.ledger.entries import MOST_SUM
from server_b.ledger.times import EPOCH
from server_b.ledger.transactions import Row

_COUNTS = 11


class Grouping:
    """The groups of one query."""

    def __init__(self, by: Sequence[Dimension]) -> None:
        """Starts without groups."""
        self._by = by
        self._sums: dict[tuple[Any, ...], list[int]] = {}

    def add(self, rows: Iterable[Row]) -> None:
        """Adds rows. A row has the values of the dimensions in order, then the counts.

        Days and hours are numbers, counted from 1970 by the local calendar.
        """
        width = len(self._by)
        for row in rows:
            key = row[:width]
            sums = self._sums.get(key)
            if sums is None:
                self._sums[key] = [count or 0 for count in row[width:]]
            else:
                for index, count in enumerate(row[width:]):
                    sums[index] += count or 0

    def groups(self) -> Sequence[UsageGroup]:
        """Returns the groups in the order of their values; one group if there are no dimensions."""
        if not self._by:
            self._sums.setdefault((), [0] * _COUNTS)
        names = [each.value for each in self._by]
        labels = [_LABELS.get(each, str) for each in self._by]
        return [
            _group({name: label(value) for name, label, value in zip(names, labels, key, strict=True)}, sums)
            for key, sums in sorted(self._sums.items())
            if sums[0] or not self._by
        ]


@lru_cache(maxsize=1000)
def _day(number: int) -> str:
    return f"{EPOCH + timedelta(days=number):%Y-%m-%d}"


@lru_cache(maxsize=1000)
def _hour(number: int) -> str:
    return f"{EPOCH + timedelta(hours=number):%Y-%m-%dT%H}:00"


_LABELS: dict[Dimension, Callable[[Any], str]] = {Dimension.DAY: _day, Dimension.HOUR: _hour}


def _group(group: dict[str, str], sums: Sequence[int]) -> UsageGroup:
    (calls, failed, unknown, joined, inputs, outputs, cache_read, cache_write, reasoning, nano_usd, charged) = (
        min(count, MOST_SUM) for count in sums
    )
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
