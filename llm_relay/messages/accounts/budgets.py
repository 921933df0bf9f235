"""Budgets: how much money may be spent in a period."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


class Period(enum.Enum):
    """The period of a budget, by the calendar of its time zone."""

    DAY = "day"
    WEEK = "week"
    """From Monday."""
    MONTH = "month"
    TOTAL = "total"
    """All time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """An amount for a period, of a caller or of a tag. Exactly one of the two is set."""

    id: str = ""
    """Empty: not created yet."""
    caller: str = ""
    """The budget counts this caller's calls, and those of the callers below it."""
    tag: str = ""
    """As `key=value`: the budget counts the calls that have this tag."""
    period: Period
    time_zone: str = "UTC"
    """An IANA name. A budget keeps the zone that it was created with."""
    limit_nano_usd: int
    is_warning_only: bool = False
    """No call is refused, but alerts are sent."""
    raised_by_nano_usd: int = 0
    """What is temporarily added to the limit."""
    raised_until: datetime | None = None
    """When the raise ends; None: there is none."""
    created_at: datetime | None = None

    spent_nano_usd: int = 0
    """In the current window."""
    reserved_nano_usd: int = 0
    """By running calls."""
    starts_at: datetime | None = None
    """When the current window began; None: the period is TOTAL."""
    resets_at: datetime | None = None
    """When the next window begins; None: never."""

    @property
    def scope(self) -> str:
        """The scope as errors name it: `caller:NAME` or `tag:KEY=VALUE`."""
        return f"caller:{self.caller}" if self.caller else f"tag:{self.tag}"

    def is_raised(self, now: datetime) -> bool:
        """Returns whether a raise of the limit is in force."""
        return self.raised_until is not None and now < self.raised_until

    def limit_at(self, now: datetime) -> int:
        """Returns the limit in force, in nano-USD, with a raise that has not ended."""
        return self.limit_nano_usd + (self.raised_by_nano_usd if self.is_raised(now) else 0)
