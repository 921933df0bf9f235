"""The windows of budgets: days, weeks and months by the calendar of a time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from llm_relay.messages.accounts import Period
from server_b.ledger.times import to_us


@dataclass(frozen=True, slots=True)
class Window:
    """The time from `starts_at` (inclusive) to `ends_at` (exclusive), in microseconds since 1970."""

    starts_at: int
    """0 for all time."""
    ends_at: int | None
    """None: never."""

    def has(self, now_us: int) -> bool:
        """Returns whether a time is in the window."""
        return self.starts_at <= now_us and (self.ends_at is None or now_us < self.ends_at)


ALL_TIME = Window(0, None)


def window_at(period: Period, time_zone: str, now: datetime) -> Window:
    """Returns the window that `now` is in. Raises ZoneInfoNotFoundError if the zone is unknown."""
    if period is Period.TOTAL:
        return ALL_TIME
    zone = ZoneInfo(time_zone)
    first, after = _days(period, now.astimezone(zone).date())
    return Window(_beginning(first, zone), _beginning(after, zone))


def _days(period: Period, today: date) -> tuple[date, date]:
    """Returns the first day of the window that a day is in, and the first day after it."""
    match period:
        case Period.DAY:
            return today, today + timedelta(days=1)
        case Period.WEEK:
            monday = today - timedelta(days=today.weekday())
            return monday, monday + timedelta(days=7)
        case Period.MONTH | Period.TOTAL:
            first = today.replace(day=1)
            return first, (first + timedelta(days=31)).replace(day=1)


@lru_cache(maxsize=1000)
def _beginning(day: date, zone: ZoneInfo) -> int:
    """Returns the first moment of a day.

    Where a clock change skips or repeats midnight, fold 0 is right in both cases: the moment of the change, and the
    first of two midnights.
    """
    return to_us(datetime(day.year, day.month, day.day, tzinfo=zone))
