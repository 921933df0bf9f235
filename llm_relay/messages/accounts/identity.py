"""Who a caller is to the relay, and what it may still do."""

from __future__ import annotations

from dataclasses import dataclass

from llm_relay.messages.accounts.budgets import Budget
from llm_relay.messages.accounts.callers import CallerAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A caller as Server B knows it."""

    name: str
    """In full, as `gateway/alice`."""
    is_admin: bool
    """Whether it may see and change what belongs to others."""
    account: CallerAccount
    """Whom its money, rates and models belong to: the name after the last `/`."""
    budgets: tuple[Budget, ...] = ()
    """Those that its calls count in, with what is left of each."""
    signed_in_with: str = ""
    """Of a session: the mark of the token of RELAY_TOKENS that it was signed in with; empty: of none."""
