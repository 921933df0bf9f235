"""How long a server asks its clients to wait."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_S = 86_400.0


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Reads how long to wait, in seconds from 0 to a day; None: nothing sensible is said."""
    milliseconds, stated = headers.get("retry-after-ms", ""), headers.get("retry-after", "")
    for seconds in (_number(milliseconds, 0.001), _number(stated, 1), _seconds_until(stated)):
        if seconds is not None and 0 <= seconds <= MAX_RETRY_AFTER_S:
            return seconds
    return None


def _number(text: str, unit_s: float) -> float | None:
    try:
        return float(text) * unit_s
    except ValueError:
        return None


def _seconds_until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
