"""Changes by people: corrections of calls, and the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """A correction of what a call cost. A call's first cost and all its corrections add up to 0 or more."""

    id: str = ""
    call_id: str
    nano_usd: int
    """Added to the call's cost; may be negative."""
    reason: str
    """1 to 500 characters."""
    by: str = ""
    """The admin's name; empty: the relay itself."""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who changed what, when."""

    id: str
    at: datetime
    by: str
    action: str
    """Such as `budget.put` or `token.revoke`."""
    subject: str
    """The caller, budget or price that was changed."""
    detail: str = ""
    """The new state as JSON, without secrets."""
