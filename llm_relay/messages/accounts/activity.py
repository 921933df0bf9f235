"""The current activity of a ledger's servers."""

from __future__ import annotations

from dataclasses import dataclass, field

from llm_relay.messages.accounts.calls import CallEntry
from llm_relay.messages.accounts.usage import UsageGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """A call that has just begun or ended, and the totals afterwards."""

    call: CallEntry | None = None
    """None at the beginning, when only the totals are reported."""
    running: int = 0
    """How many calls are running."""
    totals: UsageGroup = field(default_factory=UsageGroup)
    """The totals of calls that ended since watching began."""
