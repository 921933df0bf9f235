"""Reserving: the rows of calls that begin, and of those that are refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from llm_relay.errors import PriceUnknown, RelayError
from llm_relay.messages.accounts import Budget, CallState, RateLimits
from server_b.ledger.books.charges import Charges
from server_b.ledger.books.rates import Rates, is_limited
from server_b.ledger.books.roll_up import RollUp
from server_b.ledger.entries import NewCall, Reserved
from server_b.ledger.tag_search import tags_text
from server_b.ledger.times import to_us
from server_b.ledger.transactions import Transaction

REFUSED_ROWS_PER_MINUTE = 60
"""Of each account; the rest is only counted."""

EXISTING = "SELECT id FROM calls WHERE id IN :ids"
_INSERT = (
    "INSERT INTO calls (id, request_id, caller, account, protocol, provider, model, state, outcome, is_failed,"
    " nano_usd, reserved_nano_usd, started_at, ended_at, duration_s, tags, trace_id, server_id, rate_tokens)"
    " VALUES (:id, :request_id, :caller, :account, :protocol, :provider, :model, :state, :outcome, :is_failed,"
    " :nano_usd, :reserved, :started_at, :ended_at, :duration_s, :tags, :trace_id, :server_id, :rate_tokens)"
)
_INSERT_WINDOW = (
    "INSERT INTO reservations (call_id, budget_id, window_start) VALUES (:call_id, :budget_id, :window_start)"
)


@dataclass(slots=True)
class Reserving:
    """What one transaction reserves."""

    now: datetime
    server_id: str
    charges: Charges
    rates: Rates
    roll_up: RollUp
    existing: set[str] = field(default_factory=set)
    _calls: list[dict[str, Any]] = field(default_factory=list)
    _windows: list[dict[str, Any]] = field(default_factory=list)
    _refused: list[tuple[NewCall, RelayError]] = field(default_factory=list)

    def reserve(self, call: NewCall, rates: RateLimits, budgets: list[tuple[Budget, int]]) -> Reserved | RelayError:
        """Decides on a call, whose budgets come with the start of their window; returns why it may not be made."""
        under_budget = Reserved(is_under_budget=any(not budget.is_warning_only for budget, _ in budgets))
        if call.id in self.existing:
            return under_budget
        rate_tokens = None
        try:
            if is_limited(rates):
                rate_tokens = self.rates.check(call.account, rates, call.likely_tokens)
        except RelayError as error:
            return error
        try:
            self._check(call, budgets, under_budget)
        except RelayError as error:
            self._refuse(call, error)
            return error
        if is_limited(rates):
            self.rates.spend(call.account, rates, rate_tokens)
        self.charges.add([(budget.id, starts_at) for budget, starts_at in budgets], reserved=call.bound_nano_usd or 0)
        self._calls.append(self._row(call, CallState.OPEN) | {"rate_tokens": rate_tokens})
        self._windows += [
            {"call_id": call.id, "budget_id": budget.id, "window_start": starts_at} for budget, starts_at in budgets
        ]
        self.existing.add(call.id)
        return under_budget

    def refused_accounts(self) -> set[str]:
        """Returns the accounts of the calls that are refused; `write` needs their rates."""
        return {call.account for call, _ in self._refused}

    async def write(self, transaction: Transaction) -> None:
        """Writes the rows of calls."""
        for call, error in self._refused:
            if self.rates.may_write_refusal(call.account, REFUSED_ROWS_PER_MINUTE):
                refused = {"outcome": error.reason, "is_failed": 1, "nano_usd": 0, "duration_s": 0.0}
                self._calls.append(self._row(call, CallState.REFUSED) | refused | {"ended_at": to_us(self.now)})
        await transaction.execute_many(_INSERT, self._calls)
        await transaction.execute_many(_INSERT_WINDOW, self._windows)

    def _check(self, call: NewCall, budgets: list[tuple[Budget, int]], under_budget: Reserved) -> None:
        if call.refusal is not None:
            raise call.refusal
        if under_budget.is_under_budget and call.bound_nano_usd is None:
            raise PriceUnknown
        for budget, starts_at in budgets:
            self.charges.check(budget, starts_at, call.bound_nano_usd or 0, self.now)

    def _refuse(self, call: NewCall, error: RelayError) -> None:
        started_at = to_us(call.started_at)
        counts = self.roll_up.of(started_at, call.account, call.provider, call.model, call.protocol, error.reason)
        counts.calls += 1
        counts.failed += 1
        self._refused.append((call, error))

    def _row(self, call: NewCall, state: CallState) -> dict[str, Any]:
        return {
            "id": call.id,
            "request_id": call.request_id,
            "caller": call.caller,
            "account": call.account,
            "protocol": call.protocol,
            "provider": call.provider,
            "model": call.model,
            "state": state.value,
            "outcome": "",
            "is_failed": 0,
            "nano_usd": None,
            "reserved": call.bound_nano_usd,
            "started_at": to_us(call.started_at),
            "ended_at": None,
            "duration_s": None,
            "tags": tags_text(call.tags),
            "trace_id": call.trace_id,
            "server_id": self.server_id,
            "rate_tokens": None,
        }
