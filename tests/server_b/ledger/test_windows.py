"""Windows by the calendar of a time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfoNotFoundError

import pytest

from llm_relay.messages.accounts import Period
from server_b.ledger.times import from_us, optional_from_us
from server_b.ledger.windows import window_at

DAY, WEEK, MONTH, TOTAL = Period.DAY, Period.WEEK, Period.MONTH, Period.TOTAL


@pytest.mark.parametrize(
    ("period", "zone", "now", "starts_at", "ends_at"),
    [
        (DAY, "UTC", "2026-11-26T12:00", "2026-11-26T00:00", "2026-11-27T00:00"),
        (DAY, "UTC", "2026-11-26T00:00", "2026-11-26T00:00", "2026-11-27T00:00"),
        (DAY, "Asia/Tokyo", "2026-11-26T15:00", "2026-11-26T15:00", "2026-11-27T15:00"),
        (DAY, "America/New_York", "2026-11-26T04:59", "2026-11-25T05:00", "2026-11-26T05:00"),
        # The day on which the clock goes forward has 23 hours, and the day on which it goes back 25.
        (DAY, "Europe/Berlin", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),
        (DAY, "Europe/Berlin", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),
        # Midnight is skipped in Cairo on the last Friday of April, and occurs twice in Havana in November.
        (DAY, "Africa/Cairo", "2026-04-24T12:00", "2026-04-23T22:00", "2026-04-24T21:00"),
        (DAY, "America/Havana", "2026-11-01T12:00", "2026-11-01T04:00", "2026-11-02T05:00"),
        (WEEK, "UTC", "2026-11-26T12:00", "2026-11-23T00:00", "2026-11-30T00:00"),
        (WEEK, "UTC", "2026-11-23T00:00", "2026-11-23T00:00", "2026-11-30T00:00"),
        (WEEK, "UTC", "2026-11-22T23:59", "2026-11-16T00:00", "2026-11-23T00:00"),
        (WEEK, "Europe/Berlin", "2026-03-29T12:00", "2026-03-22T23:00", "2026-03-29T22:00"),
        (WEEK, "UTC", "2027-01-01T00:00", "2026-12-28T00:00", "2027-01-04T00:00"),
        (MONTH, "UTC", "2026-01-31T23:59", "2026-01-01T00:00", "2026-02-01T00:00"),
        (MONTH, "UTC", "2026-02-28T23:59", "2026-02-01T00:00", "2026-03-01T00:00"),
        (MONTH, "UTC", "2028-02-29T12:00", "2028-02-01T00:00", "2028-03-01T00:00"),
        (MONTH, "UTC", "2026-12-31T23:59", "2026-12-01T00:00", "2027-01-01T00:00"),
        (MONTH, "Europe/Berlin", "2026-03-31T21:59", "2026-02-28T23:00", "2026-03-31T22:00"),
        (MONTH, "Asia/Kathmandu", "2026-01-31T18:15", "2026-01-31T18:15", "2026-02-28T18:15"),
        (TOTAL, "Europe/Berlin", "2026-03-31T21:59", "1970-01-01T00:00", None),
    ],
)
def test_a_window_has_the_calendars_bounds(
    period: Period, zone: str, now: str, starts_at: str, ends_at: str | None
) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    window = window_at(period, zone, moment)
    assert from_us(window.starts_at).strftime("%Y-%m-%dT%H:%M") == starts_at
    end = optional_from_us(window.ends_at)
    assert (end and end.strftime("%Y-%m-%dT%H:%M")) == ends_at


@pytest.mark.parametrize("period", [DAY, WEEK, MONTH])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Africa/Cairo", "America/Havana", "Australia/Lord_Howe"])
def test_windows_follow_each_other_without_a_gap(period: Period, zone: str) -> None:
    window = window_at(period, zone, datetime(2025, 12, 31, tzinfo=UTC))
    for _ in range(800):
        assert window.ends_at is not None
        assert window.ends_at > window.starts_at
        following = window_at(period, zone, from_us(window.ends_at))
        assert following.starts_at == window.ends_at
        assert window_at(period, zone, from_us(window.ends_at - 1)) == window
        window = following


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        window_at(DAY, "Mars/Olympus", datetime(2026, 1, 1, tzinfo=UTC))
