"""Local time in SQL: a zone's offset from UTC, as a CASE over the clock changes of a span."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from server_b.ledger.times import US_PER_HOUR, US_PER_S

_DAY_S = 24 * 3600


def offsets(time_zone: str, since: int, until: int) -> list[tuple[int, int]]:
    """Returns the offsets of a zone within a span, as pairs of its beginning and the offset, in microseconds."""
    zone = ZoneInfo(time_zone)
    at, end = since // US_PER_S, until // US_PER_S
    found = [(since, _offset_s(zone, at) * US_PER_S)]
    while at < end:
        after = min(at + _DAY_S, end)
        if (offset_s := _offset_s(zone, after)) * US_PER_S != found[-1][1]:
            found.append((_change(zone, at, after) * US_PER_S, offset_s * US_PER_S))
        at = after
    return found


def local_time(column: str, changes: Sequence[tuple[int, int]]) -> str:
    """Returns SQL that converts a column of UTC times to local time."""
    if len(changes) == 1:
        return f"({column} + {changes[0][1]})"
    cases = " ".join(f"WHEN {column} < {begins} THEN {offset}" for (_, offset), (begins, _) in pairwise(changes))
    return f"({column} + CASE {cases} ELSE {changes[-1][1]} END)"


def is_whole_hours(changes: Sequence[tuple[int, int]]) -> bool:
    """Returns whether every hour of UTC is one hour of the zone."""
    return all(offset % US_PER_HOUR == 0 for _, offset in changes)


def _change(zone: ZoneInfo, before: int, after: int) -> int:
    """Returns the first second of the offset at `after`, which differs from the offset at `before`."""
    wanted = _offset_s(zone, after)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset_s(zone, middle) == wanted:
            after = middle
        else:
            before = middle
    return after


def _offset_s(zone: ZoneInfo, at_s: int) -> int:
    offset = datetime.fromtimestamp(at_s, UTC).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
