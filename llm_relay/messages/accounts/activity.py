"""What a ledger's servers do now."""

from __future__ import annotations

from dataclasses import dataclass, field

from llm_relay.messages.accounts.calls import CallEntry
from llm_relay.messages.accounts.usage import UsageGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """A call that has just begun or ended, and the totals afterwards."""

    call: CallEntry | None = None
    """None: only the totals are told, at the beginning."""
    running: int = 0
    """How many calls are running."""
    totals: UsageGroup = field(default_factory=UsageGroup)
    """Of the calls that ended since watching began."""
