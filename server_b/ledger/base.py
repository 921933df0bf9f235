"""What a ledger is: the books that calls pass, the accounts that admins change, and the reports on both.

Every method but the properties raises LedgerUnavailable where the store cannot be read or written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from llm_relay.messages import Cost
from llm_relay.messages.accounts import (
    Adjustment,
    AuditEntry,
    Budget,
    CallEntry,
    CallerAccount,
    CallQuery,
    CallsPage,
    NewToken,
    Price,
    Repricing,
    TokenInfo,
    UsageGroup,
    UsageQuery,
)
from server_b.ledger.entries import CallEnd, NewCall, Reserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Callers, tokens and prices as this process knows them: at most a second old."""

    revision: int
    """Grows with every change."""
    callers: Mapping[str, CallerAccount] = field(default_factory=dict)
    """By name."""
    tokens: Mapping[bytes, TokenInfo] = field(default_factory=dict)
    """By the SHA-256 of the secret; revoked ones are left out, expired ones are not."""
    prices: tuple[Price, ...] = ()
    """The newest first; they win over PRICES."""


class Books(Protocol):
    """The side of calls. Each method is one transaction, shared with whatever arrives at the same time."""

    async def reserve(self, call: NewCall) -> Reserved:
        """Writes a call before the provider is asked, and sets aside its bound in every budget that applies.

        Raises RateLimited, BudgetExceeded or PriceUnknown where the call may not be made, or the call's own `refusal`;
        all but the first write a row of state refused, 60 a minute for each account at most. Writing the same call
        again changes nothing. A caller who is cancelled while it waits settles the call afterwards: then the row is
        written first, or never.
        """
        ...

    async def settle(self, end: CallEnd) -> None:
        """Writes what a call took, and charges its budgets that instead of what was set aside.

        A call that was taken for lost gets an adjustment. Settling a call that is settled, or has no row, changes
        nothing. Never raises: what cannot be written is kept and tried again, and `is_writable` is False until it is
        written. Returns when it is written, or after SETTLE_PATIENCE_S.
        """
        ...

    def note_joined(self, call_id: str) -> None:
        """Has one more request counted that was given this call's answer."""
        ...

    @property
    def is_writable(self) -> bool:
        """Whether the last write succeeded and nothing waits to be written again."""
        ...

    @property
    def policy(self) -> Policy:
        """What is in force now."""
        ...

    async def refresh(self) -> None:
        """Reads the policy again if it has changed."""
        ...


class Accounts(Protocol):
    """The side of admins. Each change is in force at once here, within a second elsewhere, and in the audit log.

    `by` is the admin's name. InvalidRequest names a field that is wrong, or what does not exist.
    """

    async def put_caller(self, caller: CallerAccount, *, by: str) -> CallerAccount:
        """Makes or replaces a caller. Parents are at most 4 deep, without circles."""
        ...

    async def list_callers(self) -> Sequence[CallerAccount]:
        """Lists the callers by name."""
        ...

    async def create_token(self, caller: str, *, label: str, expires_at: datetime | None, by: str) -> NewToken:
        """Makes a token; its caller is made too if it is not there."""
        ...

    async def rotate_token(self, token_id: str, *, overlap_s: float, by: str) -> NewToken:
        """Makes another token for the same caller; the old one expires after `overlap_s` seconds."""
        ...

    async def revoke_token(self, token_id: str, *, by: str) -> TokenInfo:
        """Makes a token worthless."""
        ...

    async def create_session(self, caller: str, *, parent: TokenInfo | None, signed_in_with: str = "") -> NewToken:
        """Makes a token for a browser's session of `caller`, a full name.

        It is valid for 12 hours, and no longer than `parent`, the token that the caller signed in with; None: one of
        RELAY_TOKENS.
        """
        ...

    async def end_session(self, session_id: str, *, by: str) -> None:
        """Makes a session's token worthless."""
        ...

    async def list_tokens(self, caller: str = "") -> Sequence[TokenInfo]:
        """Lists tokens, the newest first."""
        ...

    async def put_budget(self, budget: Budget, *, by: str) -> Budget:
        """Makes a budget, or changes the one with its id or with its scope and period.

        A new amount keeps the window; another period or zone counts the new window from the calls.
        """
        ...

    async def delete_budget(self, budget_id: str, *, by: str) -> None:
        """Ends a budget."""
        ...

    async def list_budgets(self, *, caller: str = "") -> Sequence[Budget]:
        """Lists budgets with their current windows: all, or those that apply to a caller."""
        ...

    async def put_price(self, price: Price, *, by: str) -> Price:
        """Adds a price, or replaces the one with its id."""
        ...

    async def delete_price(self, price_id: str, *, by: str) -> None:
        """Removes a price."""
        ...

    async def price_unknown(self, cost: Callable[[CallEntry], Cost], *, query: CallQuery, by: str) -> Repricing:
        """Gives a cost to calls that have none, settled or lost, and charges their budgets that instead.

        `cost` knows the price of a call, or not; `query` limits the calls by everything but state and page. Calls that
        were not settled by a count of tokens stay unknown.
        """
        ...

    async def adjust(self, adjustment: Adjustment, *, by: str) -> CallEntry:
        """Corrects what a call cost; returns the call."""
        ...

    async def list_audit(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        """Lists changes, the newest first."""
        ...


class Reports(Protocol):
    """Reading. Never delays a writer."""

    async def usage(self, query: UsageQuery) -> Sequence[UsageGroup]:
        """Adds calls up, in order of their groups; without groups, one row."""
        ...

    async def calls(self, query: CallQuery) -> CallsPage:
        """Lists calls with their attempts."""
        ...

    def follow(self) -> AsyncIterator[CallEntry]:
        """Yields the calls of every server of this ledger as they begin and end, from now on."""
        ...


class Ledger(Books, Accounts, Reports, Protocol):
    """A ledger that is open."""

    @property
    def location(self) -> str:
        """Where it is, for people: an absolute path, or a URL without its password."""
        ...

    @property
    def lag_s(self) -> float:
        """How long something has waited to be written, in seconds; 0 at rest."""
        ...

    async def aclose(self, *, grace_s: float) -> None:
        """Writes what still waits, for `grace_s` seconds at most, and closes."""
        ...
