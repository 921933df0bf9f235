"""The interface of a ledger: the books that record calls, the accounts that admins change, and the reports on both.

Every method except the properties raises LedgerUnavailable if the store cannot be read or written.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

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
    """Callers, tokens and prices as this process knows them, at most one second old."""

    revision: int
    """Grows with every change."""
    callers: Mapping[str, CallerAccount] = field(default_factory=dict)
    """By name."""
    tokens: Mapping[bytes, TokenInfo] = field(default_factory=dict)
    """By the SHA-256 of the secret. Contains expired tokens, but no revoked ones."""
    prices: tuple[Price, ...] = ()
    """Newest first. They take precedence over PRICES."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The callers' rights: they decide who may change accounts."""

    token_holders: frozenset[str]
    """Callers with a valid ledger token. Sessions do not count, because they end."""
    admins: frozenset[str]
    disabled: frozenset[str]


AccessCheck: TypeAlias = Callable[[Access, Access], None]
"""Called with the access before and after a change, within its transaction. Raises if the change is not allowed."""


class Books(Protocol):
    """Records calls. Each method is one transaction, shared with the calls that arrive at the same time."""

    async def reserve(self, call: NewCall) -> Reserved:
        """Records a call before the provider is asked, and reserves its bound in every budget that applies.

        Raises RateLimited, BudgetExceeded or PriceUnknown if the call is not allowed, or the call's own `refusal`. All
        but RateLimited also write a row in state refused, at most 60 a minute for each account. Recording the same
        call twice changes nothing. If it is cancelled while it waits, settle the call afterwards: its row is then
        written before the settlement, or never.
        """
        ...

    async def settle(self, end: CallEnd) -> None:
        """Records how a call ended, and charges its budgets the actual cost instead of the reservation.

        A call that was marked lost gets an adjustment. Settling a call that is settled, or has no row, changes
        nothing. Never raises: what cannot be written is kept and retried, and `is_writable` is False until then.
        Returns when it is written, or after SETTLE_PATIENCE_S.
        """
        ...

    def note_joined(self, call_id: str) -> None:
        """Counts one more request that was given this call's answer."""
        ...

    @property
    def is_writable(self) -> bool:
        """Whether the last write succeeded and no retry is pending."""
        ...

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        ...

    async def refresh(self) -> None:
        """Reads the policy again if it has changed."""
        ...


class Accounts(Protocol):
    """What admins change. A change takes effect here at once and on other servers within a second, and is audited.

    `by` is the admin's name. InvalidRequest names the invalid field, or what does not exist.
    """

    async def put_caller(
        self,
        caller: CallerAccount,
        *,
        by: str,
        fields: Collection[str] | None = None,
        access_check: AccessCheck | None = None,
    ) -> CallerAccount:
        """Creates or replaces a caller. A caller has at most 4 callers above it, without cycles.

        `fields`, such as `is_disabled` or `rates.calls_per_minute`, are those to change if it exists; None: all.
        """
        ...

    async def list_callers(self) -> Sequence[CallerAccount]:
        """Lists the callers by name."""
        ...

    async def create_token(
        self,
        caller: str,
        *,
        label: str,
        expires_at: datetime | None,
        by: str,
        is_admin: bool = False,
        access_check: AccessCheck | None = None,
    ) -> NewToken:
        """Creates a token, and its caller if it does not exist; `is_admin` makes the caller an admin."""
        ...

    async def rotate_token(self, token_id: str, *, overlap_s: float, by: str) -> NewToken:
        """Creates another token for the same caller. The old one expires after `overlap_s` seconds."""
        ...

    async def revoke_token(self, token_id: str, *, by: str, access_check: AccessCheck | None = None) -> TokenInfo:
        """Revokes a token."""
        ...

    async def create_session(self, caller: str, *, parent: TokenInfo | None, signed_in_with: str = "") -> NewToken:
        """Creates a token for a browser's session of `caller`, a full name.

        It is valid for 12 hours, and no longer than `parent`, the token that the caller signed in with. `parent` is
        None for a token of RELAY_TOKENS.
        """
        ...

    async def end_session(self, session_id: str, *, by: str) -> None:
        """Ends a session."""
        ...

    async def list_tokens(self, caller: str = "") -> Sequence[TokenInfo]:
        """Lists tokens, newest first."""
        ...

    async def put_budget(self, budget: Budget, *, by: str) -> Budget:
        """Creates a budget, or changes the one with its id or with its scope and period.

        A new amount keeps the window. A new period or zone counts the new window from the calls.
        """
        ...

    async def raise_budget(self, budget_id: str, nano_usd: int, *, until: datetime | None, by: str) -> Budget:
        """Adds to a budget's limit until a time; None: until its window ends. 0 nano-USD ends an earlier raise."""
        ...

    async def delete_budget(self, budget_id: str, *, by: str) -> None:
        """Deletes a budget."""
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
        """Prices calls whose cost is unknown, settled or lost, and corrects their budgets.

        `cost` returns the cost of a call, or an unknown one. `query` selects the calls; its state and page are
        ignored. Calls without token counts stay unknown.
        """
        ...

    async def adjust(self, adjustment: Adjustment, *, by: str) -> CallEntry:
        """Corrects what a call cost; returns the call."""
        ...

    async def list_audit(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        """Lists changes, newest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCalls:
    """The calls of every server of a ledger at one moment."""

    running: Mapping[str, int] = field(default_factory=dict)
    """How many calls of each caller are running, by full name."""
    changed: Sequence[CallEntry] = ()
    """The calls that began or ended since the moment before. A short one may do both, and is here once."""


class Reports(Protocol):
    """Reads. Reading never delays a writer."""

    async def usage(self, query: UsageQuery) -> Sequence[UsageGroup]:
        """Adds up calls, ordered by group; without groups, one row."""
        ...

    async def calls(self, query: CallQuery) -> CallsPage:
        """Lists calls with their attempts."""
        ...

    def follow(self) -> AsyncGenerator[LiveCalls, None]:
        """Yields which calls are running, then calls as they begin and end, until it is closed.

        Yields twice a second even if nothing changes. Raises Overloaded when 10,000 changes wait to be read.
        """
        ...


class Ledger(Books, Accounts, Reports, Protocol):
    """An open ledger."""

    @property
    def location(self) -> str:
        """Where it is, for people: an absolute path, or a URL without its password."""
        ...

    @property
    def lag_s(self) -> float:
        """How long the oldest unwritten entry has waited, in seconds; 0 when idle."""
        ...

    async def aclose(self, *, grace_s: float) -> None:
        """Writes what is pending, for at most `grace_s` seconds, and closes."""
        ...
