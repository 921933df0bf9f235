"""Times as the objects of this package have them."""

from __future__ import annotations

from datetime import UTC, datetime


def time_text(time: datetime | None) -> str | None:
    """Returns a time by RFC 3339, in UTC; None: there is none."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if time else None
