"""Times as the tables store them: microseconds since 1970, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
US_PER_S = 1_000_000
US_PER_HOUR = 3600 * US_PER_S
US_PER_DAY = 24 * US_PER_HOUR


def to_us(time: datetime) -> int:
    """Returns an aware time as microseconds since 1970."""
    return (time - EPOCH) // _US


def from_us(us: int) -> datetime:
    """Returns microseconds since 1970 as a time in UTC."""
    return EPOCH + timedelta(microseconds=us)


def optional_to_us(time: datetime | None) -> int | None:
    """Returns `to_us`, or None for None."""
    return None if time is None else to_us(time)


def optional_from_us(us: int | None) -> datetime | None:
    """Returns `from_us`, or None for None."""
    return None if us is None else from_us(us)
