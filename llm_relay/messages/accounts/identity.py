"""Who a caller is to the relay, and what it may still do."""

from __future__ import annotations

from dataclasses import dataclass

from llm_relay.messages.accounts.budgets import Budget
from llm_relay.messages.accounts.callers import CallerAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A caller as Server B knows it."""

    name: str
    """The full name, such as `gateway/alice`."""
    is_admin: bool
    """Whether it may see and change other callers' data."""
    account: CallerAccount
    """The account whose budgets, rates and models apply: the name after the last `/`."""
    budgets: tuple[Budget, ...] = ()
    """The budgets that count its calls, with what is left of each."""
    signed_in_with: str = ""
    """For a session: the mark of the token of RELAY_TOKENS that signed it in; empty: no such token."""
