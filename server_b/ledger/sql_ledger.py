"""A ledger made of its parts: books, accounts and reports on one store."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
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
from server_b.ledger.base import AccessCheck, Accounts, LiveCalls, Policy, Reports
from server_b.ledger.books.sql_books import SqlBooks
from server_b.ledger.entries import CallEnd, NewCall, Reserved
from server_b.ledger.transactions import Store


class BackgroundTask(Protocol):
    """A background task that works on the store."""

    async def aclose(self) -> None:
        """Stops."""
        ...


class SqlLedger:
    """A Ledger. Each method delegates to a part."""

    def __init__(
        self,
        store: Store,
        books: SqlBooks,
        accounts: Accounts,
        reports: Reports,
        background_tasks: Sequence[BackgroundTask] = (),
    ) -> None:
        """Owns the store, the books and the background tasks, and closes them."""
        self._store = store
        self._background_tasks = background_tasks
        self._books = books
        self._accounts = accounts
        self._reports = reports

    @property
    def location(self) -> str:
        """Where it is, for people."""
        return self._store.location

    async def aclose(self, *, grace_s: float) -> None:
        """Writes what is pending, for at most `grace_s` seconds, and closes."""
        await self._books.aclose(grace_s=grace_s)
        for task in self._background_tasks:
            await task.aclose()
        await self._store.aclose()

    async def reserve(self, call: NewCall) -> Reserved:
        """Records a call before the provider is asked."""
        return await self._books.reserve(call)

    async def settle(self, end: CallEnd) -> None:
        """Records how a call ended."""
        await self._books.settle(end)

    def note_joined(self, call_id: str) -> None:
        """Counts one more request that was given this call's answer."""
        self._books.note_joined(call_id)

    @property
    def is_writable(self) -> bool:
        """Whether the last write succeeded and no retry is pending."""
        return self._books.is_writable

    @property
    def lag_s(self) -> float:
        """How long the oldest unwritten entry has waited, in seconds."""
        return self._books.lag_s

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._books.policy

    async def refresh(self) -> None:
        """Reads the policy again if it has changed."""
        await self._books.refresh()

    async def put_caller(
        self,
        caller: CallerAccount,
        *,
        by: str,
        fields: Collection[str] | None = None,
        access_check: AccessCheck | None = None,
    ) -> CallerAccount:
        """Creates or replaces a caller."""
        made = await self._accounts.put_caller(caller, by=by, fields=fields, access_check=access_check)
        await self._books.refresh()
        return made

    async def list_callers(self) -> Sequence[CallerAccount]:
        """Lists the callers by name."""
        return await self._accounts.list_callers()

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
        """Creates a token."""
        made = await self._accounts.create_token(
            caller, label=label, expires_at=expires_at, by=by, is_admin=is_admin, access_check=access_check
        )
        await self._books.refresh()
        return made

    async def rotate_token(self, token_id: str, *, overlap_s: float, by: str) -> NewToken:
        """Creates another token for the same caller."""
        made = await self._accounts.rotate_token(token_id, overlap_s=overlap_s, by=by)
        await self._books.refresh()
        return made

    async def revoke_token(self, token_id: str, *, by: str, access_check: AccessCheck | None = None) -> TokenInfo:
        """Revokes a token."""
        revoked = await self._accounts.revoke_token(token_id, by=by, access_check=access_check)
        await self._books.refresh()
        return revoked

    async def create_session(self, caller: str, *, parent: TokenInfo | None, signed_in_with: str = "") -> NewToken:
        """Creates a token for a browser's session, which ends with its parent."""
        made = await self._accounts.create_session(caller, parent=parent, signed_in_with=signed_in_with)
        await self._books.refresh()
        return made

    async def end_session(self, session_id: str, *, by: str) -> None:
        """Ends a session."""
        await self._accounts.end_session(session_id, by=by)
        await self._books.refresh()

    async def list_tokens(self, caller: str = "") -> Sequence[TokenInfo]:
        """Lists tokens, newest first."""
        return await self._accounts.list_tokens(caller)

    async def put_budget(self, budget: Budget, *, by: str) -> Budget:
        """Creates or changes a budget."""
        made = await self._accounts.put_budget(budget, by=by)
        await self._books.refresh()
        return made

    async def raise_budget(self, budget_id: str, nano_usd: int, *, until: datetime | None, by: str) -> Budget:
        """Adds to a budget's limit for a time."""
        raised = await self._accounts.raise_budget(budget_id, nano_usd, until=until, by=by)
        await self._books.refresh()
        return raised

    async def delete_budget(self, budget_id: str, *, by: str) -> None:
        """Deletes a budget."""
        await self._accounts.delete_budget(budget_id, by=by)
        await self._books.refresh()

    async def list_budgets(self, *, caller: str = "") -> Sequence[Budget]:
        """Lists budgets with their current windows."""
        return await self._accounts.list_budgets(caller=caller)

    async def put_price(self, price: Price, *, by: str) -> Price:
        """Adds a price, or replaces one."""
        made = await self._accounts.put_price(price, by=by)
        await self._books.refresh()
        return made

    async def delete_price(self, price_id: str, *, by: str) -> None:
        """Removes a price."""
        await self._accounts.delete_price(price_id, by=by)
        await self._books.refresh()

    async def adjust(self, adjustment: Adjustment, *, by: str) -> CallEntry:
        """Corrects what a call cost."""
        return await self._accounts.adjust(adjustment, by=by)

    async def price_unknown(self, cost: Callable[[CallEntry], Cost], *, query: CallQuery, by: str) -> Repricing:
        """Prices calls whose cost is unknown."""
        return await self._accounts.price_unknown(cost, query=query, by=by)

    async def list_audit(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        """Lists changes, newest first."""
        return await self._accounts.list_audit(limit=limit)

    async def usage(self, query: UsageQuery) -> Sequence[UsageGroup]:
        """Adds up calls."""
        return await self._reports.usage(query)

    async def calls(self, query: CallQuery) -> CallsPage:
        """Lists calls with their attempts."""
        return await self._reports.calls(query)

    def follow(self) -> AsyncGenerator[LiveCalls, None]:
        """Yields calls as they begin and end."""
        return self._reports.follow()
