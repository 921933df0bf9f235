"""Usage: the totals of calls."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


class Dimension(enum.Enum):
    """The dimensions that usage can be grouped by."""

    CALLER = "caller"
    """By the name after the last `/`."""
    MODEL = "model"
    PROVIDER = "provider"
    PROTOCOL = "protocol"
    OUTCOME = "outcome"
    DAY = "day"
    """As 2026-11-26 in the query's time zone."""
    HOUR = "hour"
    """As 2026-11-26T13:00 in the query's time zone."""
    TAG = "tag"
    """By the value of the query's `tag_key`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """Which calls to add up, and how to group them; empty and None: all."""

    by: tuple[Dimension, ...] = ()
    """Empty: one group with everything."""
    tag_key: str = ""
    """The key that TAG groups by."""
    since: datetime | None = None
    """None: the first of this month in `time_zone`."""
    until: datetime | None = None
    """Exclusive; None: now."""
    time_zone: str = "UTC"
    caller: str = ""
    """A name after the last `/`; the callers below it are not counted."""
    model: str = ""
    provider: str = ""
    protocol: str = ""
    tag: str = ""
    """As `key=value`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageGroup:
    """The totals of one group of calls. Open calls are not counted. Refused calls count as failed."""

    group: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The group's value of each dimension, in the order of the query."""
    calls: int = 0
    failed: int = 0
    unknown_cost_calls: int = 0
    """Calls whose cost is not known. `nano_usd` does not include them."""
    joined: int = 0
    """Requests that were answered from another call, and cost nothing."""
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    nano_usd: int = 0
    charged_nano_usd: int = 0
