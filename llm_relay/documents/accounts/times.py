"""Times in the objects of this package."""

from __future__ import annotations

from datetime import UTC, datetime


def time_text(time: datetime | None) -> str | None:
    """Returns a time as RFC 3339 in UTC, or None for None."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if time else None
