"""The accounts of a ledger: what admins see and change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from llm_relay.messages import Cost
from llm_relay.messages.accounts import (
    Adjustment,
    AuditEntry,
    Budget,
    CallEntry,
    CallerAccount,
    CallQuery,
    NewToken,
    Price,
    Repricing,
    TokenInfo,
)
from server_b.ledger.accounts import adjustments, budgets, callers, prices, pricing_afterwards, sessions, tokens
from server_b.ledger.accounts.changes import Changes, list_audit
from server_b.ledger.accounts.rules import (
    adjustment_faults,
    budget_faults,
    caller_faults,
    caller_field_faults,
    check,
    limit_faults,
    overlap_faults,
    price_faults,
    raise_faults,
)
from server_b.ledger.base import AccessCheck
from server_b.ledger.transactions import Store


class StoredAccounts:
    """Callers, tokens, budgets, prices and corrections in a store. See `server_b.ledger.base.Accounts`."""

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime],
        *,
        default_zone: str = "UTC",
        thresholds: Sequence[int] = (),
    ) -> None:
        """`now` is the clock of reservations; `default_zone` is the IANA zone of new budgets that name none.

        `thresholds` are the percentages of a budget that raise an alert when a change passes them.
        """
        self._store = store
        self._now = now
        self._changes = Changes(store, now, thresholds)
        self._default_zone = default_zone

    async def put_caller(
        self,
        caller: CallerAccount,
        *,
        by: str,
        fields: Collection[str] | None = None,
        access_check: AccessCheck | None = None,
    ) -> CallerAccount:
        """Creates or replaces a caller."""
        check(caller_faults(caller))
        check(caller_field_faults(fields or ()))
        return await self._changes.of_policy(
            lambda change: callers.put_caller(change, caller, fields), by=by, access_check=access_check
        )

    async def list_callers(self) -> Sequence[CallerAccount]:
        """Lists the callers by name."""
        return await self._store.read(callers.list_callers)

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
        """Creates a token, and its caller if it does not exist."""
        secret = tokens.new_secret()
        return await self._changes.of_policy(
            lambda change: tokens.create_token(
                change, secret, caller, label=label, expires_at=expires_at, is_admin=is_admin
            ),
            by=by,
            access_check=access_check,
        )

    async def rotate_token(self, token_id: str, *, overlap_s: float, by: str) -> NewToken:
        """Creates a token that succeeds another."""
        check(overlap_faults(overlap_s))
        secret = tokens.new_secret()
        return await self._changes.of_policy(
            lambda change: tokens.rotate_token(change, secret, token_id, overlap_s=overlap_s), by=by
        )

    async def revoke_token(self, token_id: str, *, by: str, access_check: AccessCheck | None = None) -> TokenInfo:
        """Revokes a token."""
        return await self._changes.of_policy(
            lambda change: tokens.revoke_token(change, token_id), by=by, access_check=access_check
        )

    async def create_session(self, caller: str, *, parent: TokenInfo | None, signed_in_with: str = "") -> NewToken:
        """Creates a token for a browser's session, which ends with its parent."""
        secret = tokens.new_secret()
        return await self._changes.of_policy(
            lambda change: sessions.create_session(change, secret, caller, parent, signed_in_with), by=caller
        )

    async def end_session(self, session_id: str, *, by: str) -> None:
        """Ends a session."""
        await self._changes.of_policy(lambda change: sessions.end_session(change, session_id), by=by)

    async def list_tokens(self, caller: str = "") -> Sequence[TokenInfo]:
        """Lists tokens, newest first."""
        return await self._store.read(lambda transaction: tokens.list_tokens(transaction, caller))

    async def put_budget(self, budget: Budget, *, by: str) -> Budget:
        """Creates or changes a budget. An empty time zone keeps the budget's own, or the default for a new budget."""
        check(budget_faults(budget if budget.time_zone else replace(budget, time_zone=self._default_zone)))
        zone, now = self._default_zone, self._now()
        earlier = await self._store.read(
            lambda transaction: budgets.count_before(transaction, budget, now, default_zone=zone)
        )
        return await self._changes.of_policy(
            lambda change: budgets.put_budget(change, budget, default_zone=zone, earlier=earlier), by=by
        )

    async def raise_budget(self, budget_id: str, nano_usd: int, *, until: datetime | None, by: str) -> Budget:
        """Adds to a budget's limit for a time."""
        check(raise_faults(nano_usd))
        return await self._changes.of_policy(
            lambda change: budgets.raise_budget(change, budget_id, nano_usd, until), by=by
        )

    async def delete_budget(self, budget_id: str, *, by: str) -> None:
        """Deletes a budget."""
        await self._changes.of_policy(lambda change: budgets.delete_budget(change, budget_id), by=by)

    async def list_budgets(self, *, caller: str = "") -> Sequence[Budget]:
        """Lists budgets with their current windows: all, or those that apply to a caller."""
        account = caller.rpartition("/")[2]
        now = self._now()
        return await self._store.read(lambda transaction: budgets.list_budgets(transaction, now, caller=account))

    async def put_price(self, price: Price, *, by: str) -> Price:
        """Adds a price, or replaces the one with its id."""
        check(price_faults(price))
        return await self._changes.of_policy(lambda change: prices.put_price(change, price), by=by)

    async def delete_price(self, price_id: str, *, by: str) -> None:
        """Removes a price."""
        await self._changes.of_policy(lambda change: prices.delete_price(change, price_id), by=by)

    async def adjust(self, adjustment: Adjustment, *, by: str) -> CallEntry:
        """Corrects what a call cost; returns the call."""
        check(adjustment_faults(adjustment))
        return await self._changes.of_calls(lambda change: adjustments.adjust(change, adjustment), by=by)

    async def price_unknown(self, cost: Callable[[CallEntry], Cost], *, query: CallQuery, by: str) -> Repricing:
        """Prices calls whose cost is unknown, and corrects their budgets."""
        return await pricing_afterwards.price_unknown(self._store, self._changes, cost, query=query, by=by)

    async def list_audit(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        """Lists changes, newest first."""
        check(limit_faults(limit))
        return await self._store.read(lambda transaction: list_audit(transaction, limit))
