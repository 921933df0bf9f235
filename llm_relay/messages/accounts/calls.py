"""Calls as the ledger has them: a row each, with a row for each attempt. Never their text."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


class CallState(enum.Enum):
    """How far a call is."""

    OPEN = "open"
    SETTLED = "settled"
    LOST = "lost"
    """Its server died. It is charged at what was reserved, and its cost is not known."""
    REFUSED = "refused"
    """By a budget, or because there is no price; the provider was not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAttempt:
    """One request to one provider."""

    provider: str
    model: str
    """The one asked for."""
    started_at: datetime
    ended_at: datetime | None = None
    outcome: str = ""
    """The reason of its error; empty: it answered."""
    may_have_worked: bool = True
    """False: the provider cannot have started work, so it bills nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEntry:
    """One call."""

    id: str
    """The ledger's own, a UUIDv7; a request_id can occur in several calls."""
    request_id: str
    caller: str
    """In full, as `gateway/alice`."""
    protocol: str = ""
    """grpc, http, openai or mcp."""
    provider: str = ""
    model: str = ""
    state: CallState
    outcome: str = ""
    """The reason of its error, or its finish reason; empty while it is open."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    accuracy: str = "unknown"
    """exact, estimated or unknown."""
    nano_usd: int | None = None
    """What it cost."""
    reserved_nano_usd: int | None = None
    """The upper bound of its cost when it began; None: no price was known."""
    charged_nano_usd: int = 0
    """What its budgets were charged."""
    is_overrun: bool = False
    """It cost more than was reserved."""
    price_source: str = ""
    service_tier: str = ""
    joined: int = 0
    """How many requests were given its answer without paying for it."""
    started_at: datetime
    ended_at: datetime | None = None
    first_token_s: float | None = None
    duration_s: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    trace_id: str = ""
    attempts: tuple[CallAttempt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQuery:
    """Which calls to list, newest first; empty and None: all."""

    limit: int = 50
    """1 to 1,000."""
    page_token: str = ""
    """Of the page before; empty: the first page."""
    call_id: str = ""
    request_id: str = ""
    caller: str = ""
    """A full name, or the name after the last `/`."""
    model: str = ""
    provider: str = ""
    protocol: str = ""
    state: CallState | None = None
    outcome: str = ""
    tag: str = ""
    """As `key=value`, or `key` for any value."""
    is_cost_unknown: bool = False
    """True: only settled and lost calls whose cost is not known."""
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsPage:
    """Some of the calls that a query finds."""

    calls: tuple[CallEntry, ...]
    next_page_token: str = ""
    """Empty: this is the last page."""
