"""Reserving: the rows of new calls, and of refused ones."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from llm_relay.errors import LedgerUnavailable, PriceUnknown, RelayError
from llm_relay.messages.accounts import Budget, CallState, RateLimits
from server_b.ledger.books.budget_windows import BudgetWindows
from server_b.ledger.books.rate_limits import Rates
from server_b.ledger.entries import NewCall, Reserved
from server_b.ledger.roll_up import RollUp
from server_b.ledger.tag_search import tags_text
from server_b.ledger.times import to_us
from server_b.ledger.transactions import Transaction
from server_b.ledger.windows import Window

REFUSED_ROWS_PER_MINUTE = 60
"""Per account. Further refusals are only counted, without their models."""

EXISTING = "SELECT id, state FROM calls WHERE id IN :ids"
_INSERT = (
    "INSERT INTO calls (id, request_id, caller, account, protocol, provider, model, state, outcome, is_failed,"
    " nano_usd, reserved_nano_usd, started_at, ended_at, duration_s, tags, trace_id, server_id, rate_tokens)"
    " VALUES (:id, :request_id, :caller, :account, :protocol, :provider, :model, :state, :outcome, :is_failed,"
    " :nano_usd, :reserved, :started_at, :ended_at, :duration_s, :tags, :trace_id, :server_id, :rate_tokens)"
)
_INSERT_WINDOW = (
    "INSERT INTO reservations (call_id, budget_id, window_start) VALUES (:call_id, :budget_id, :window_start)"
)

_UNDER_BUDGET, _FREE = Reserved(is_under_budget=True), Reserved(is_under_budget=False)


@dataclass(slots=True)
class Reserving:
    """What one transaction reserves."""

    now: datetime
    server_id: str
    budget_windows: BudgetWindows
    rates: Rates
    roll_up: RollUp
    existing: dict[str, str] = field(default_factory=dict)
    """The states of calls that were written before, by a commit whose confirmation was lost."""
    _calls: list[dict[str, Any]] = field(default_factory=list)
    _windows: list[dict[str, Any]] = field(default_factory=list)
    _refused: list[tuple[NewCall, RelayError]] = field(default_factory=list)

    def reserve(
        self, call: NewCall, rates: RateLimits | None, budgets: list[tuple[Budget, Window]]
    ) -> Reserved | RelayError:
        """Checks a call against its rates (None: no limits) and its budgets. Returns the error if it is not allowed."""
        under_budget = _UNDER_BUDGET if any(not budget.is_warning_only for budget, _ in budgets) else _FREE
        if state := self.existing.get(call.id):
            return under_budget if state != CallState.REFUSED.value else self._refuse_again(call, budgets, under_budget)
        rate_tokens = None
        try:
            if rates is not None:
                rate_tokens = self.rates.check(call.account, rates, call.likely_tokens)
        except RelayError as error:
            return error
        try:
            self._check(call, budgets, under_budget)
        except RelayError as error:
            self._refused.append((call, error))
            return error
        if rates is not None:
            self.rates.spend(call.account, rates, rate_tokens)
        self._calls.append(self._row(call, CallState.OPEN, rate_tokens=rate_tokens))
        for budget, window in budgets:
            self.budget_windows.add(((budget.id, window.starts_at),), reserved=call.bound_nano_usd or 0)
            self._windows.append({"call_id": call.id, "budget_id": budget.id, "window_start": window.starts_at})
        self.existing[call.id] = CallState.OPEN.value
        if rates is not None:
            return replace(under_budget, rates_left=self.rates.left(call.account, rates))
        return under_budget

    def refused_accounts(self) -> set[str]:
        """Returns the accounts of the refused calls. `write` needs their rates."""
        return {call.account for call, _ in self._refused}

    async def write(self, transaction: Transaction) -> None:
        """Writes the rows of calls."""
        for call, error in self._refused:
            is_written = self.rates.may_write_refusal(call.account, REFUSED_ROWS_PER_MINUTE)
            if is_written:
                self._calls.append(self._row(call, CallState.REFUSED, outcome=error.reason))
            # A caller chooses the model's name: without a row it would fill the usage, which is never limited.
            model = call.model if is_written else ""
            started_at = to_us(call.started_at)
            counts = self.roll_up.of(started_at, call.account, call.provider, model, call.protocol, error.reason)
            counts.calls += 1
            counts.failed += 1
        await transaction.execute_many(_INSERT, self._calls)
        await transaction.execute_many(_INSERT_WINDOW, self._windows)

    def _refuse_again(self, call: NewCall, budgets: list[tuple[Budget, Window]], under_budget: Reserved) -> RelayError:
        """Returns the error of a call whose row says that it was refused. Its row is final, so it may not begin."""
        try:
            self._check(call, budgets, under_budget)
        except RelayError as error:
            return error
        return LedgerUnavailable()

    def _check(self, call: NewCall, budgets: list[tuple[Budget, Window]], under_budget: Reserved) -> None:
        if call.refusal is not None:
            raise call.refusal
        if under_budget.is_under_budget and call.bound_nano_usd is None:
            raise PriceUnknown
        for budget, window in budgets:
            self.budget_windows.check(budget, window.starts_at, call.bound_nano_usd or 0, self.now)

    def _row(
        self, call: NewCall, state: CallState, *, outcome: str = "", rate_tokens: int | None = None
    ) -> dict[str, Any]:
        is_refused = state is CallState.REFUSED
        return {
            "id": call.id,
            "request_id": call.request_id,
            "caller": call.caller,
            "account": call.account,
            "protocol": call.protocol,
            "provider": call.provider,
            "model": call.model,
            "state": state.value,
            "outcome": outcome,
            "is_failed": int(is_refused),
            "nano_usd": 0 if is_refused else None,
            "reserved": call.bound_nano_usd,
            "started_at": to_us(call.started_at),
            "ended_at": to_us(self.now) if is_refused else None,
            "duration_s": 0.0 if is_refused else None,
            "tags": tags_text(call.tags),
            "trace_id": call.trace_id,
            "server_id": self.server_id,
            "rate_tokens": rate_tokens,
        }
