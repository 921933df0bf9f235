"""Calls in the ledger: one row for each call, and one for each attempt, never with their text."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


class CallState(enum.Enum):
    """The state of a call."""

    OPEN = "open"
    SETTLED = "settled"
    LOST = "lost"
    """Its server died. It is charged the reserved amount, and its cost is not known."""
    REFUSED = "refused"
    """Refused by a budget, or because there is no price. The provider was not called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAttempt:
    """One request to one provider."""

    provider: str
    model: str
    """The model that was asked for."""
    started_at: datetime
    ended_at: datetime | None = None
    outcome: str = ""
    """The reason of its error; empty if it answered."""
    may_have_worked: bool = True
    """False: the provider cannot have started work, so it bills nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEntry:
    """One call."""

    id: str
    """The ledger's id, a UUIDv7. Several calls can have the same request_id."""
    request_id: str
    caller: str
    """The full name, such as `gateway/alice`."""
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
    """What it cost; None: not known."""
    reserved_nano_usd: int | None = None
    """The upper bound of its cost, set when it began; None: no price was known."""
    charged_nano_usd: int = 0
    """The amount charged to its budgets."""
    is_overrun: bool = False
    """It cost more than was reserved."""
    price_source: str = ""
    service_tier: str = ""
    joined: int = 0
    """How many requests received its answer without paying for it."""
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
    """The token from the page before; empty: the first page."""
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
    """A page of the calls that a query finds."""

    calls: tuple[CallEntry, ...]
    next_page_token: str = ""
    """Empty on the last page."""
