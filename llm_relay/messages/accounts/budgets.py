"""Budgets: how much money may be spent in which time."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


class Period(enum.Enum):
    """The time that a budget's amount is for, by the calendar of its time zone."""

    DAY = "day"
    WEEK = "week"
    """From Monday."""
    MONTH = "month"
    TOTAL = "total"
    """All time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """An amount for a period, of a caller or of a tag; exactly one of the two is set."""

    id: str = ""
    """Empty: not made yet."""
    caller: str = ""
    """The budget counts this caller's calls, and those of the callers below it."""
    tag: str = ""
    """As `key=value`: the budget counts the calls that have this tag."""
    period: Period
    time_zone: str = "UTC"
    """An IANA name. A budget keeps the zone that it was made with."""
    limit_nano_usd: int
    is_warning_only: bool = False
    """Nothing is refused; thresholds are told all the same."""
    raised_by_nano_usd: int = 0
    """What is added to the limit for a time."""
    raised_until: datetime | None = None
    """When the raise ends; None: there is none."""
    created_at: datetime | None = None

    spent_nano_usd: int = 0
    """In the current window."""
    reserved_nano_usd: int = 0
    """By the calls that run."""
    starts_at: datetime | None = None
    """Of the current window; None: there is none, because the period is TOTAL."""
    resets_at: datetime | None = None
    """When the next window begins; None: never."""

    @property
    def scope(self) -> str:
        """Whose it is, as errors name it: `caller:NAME` or `tag:KEY=VALUE`."""
        return f"caller:{self.caller}" if self.caller else f"tag:{self.tag}"

    def is_raised(self, now: datetime) -> bool:
        """Whether a raise of the limit is in force."""
        return self.raised_until is not None and now < self.raised_until

    def limit_at(self, now: datetime) -> int:
        """Returns the limit in force, in nano-USD: with a raise that has not ended."""
        return self.limit_nano_usd + (self.raised_by_nano_usd if self.is_raised(now) else 0)
