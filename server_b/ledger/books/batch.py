"""One batch: the calls that begin, end or are joined at the same time, written in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from llm_relay.errors import RelayError
from llm_relay.messages.accounts import Budget, RateLimits
from server_b.ledger.books.budget_windows import BudgetWindows, WindowKey, ensure_windows
from server_b.ledger.books.rate_limits import Rates, is_limited
from server_b.ledger.books.reserving import EXISTING, Reserving
from server_b.ledger.books.settling import READ_WINDOWS, Settling
from server_b.ledger.entries import CallEnd, NewCall, Reserved
from server_b.ledger.policies import REVISION, PolicyCache, read_changes
from server_b.ledger.roll_up import RollUp
from server_b.ledger.times import to_us
from server_b.ledger.transactions import Query, Row, Transaction
from server_b.ledger.windows import Window, window_at

_NO_RATES = RateLimits()


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction writes."""

    calls: Sequence[NewCall] = ()
    ends: Sequence[CallEnd] = ()
    joined: Mapping[str, int] = field(default_factory=dict)
    """How many more requests were given each call's answer."""


Outcomes = list[Reserved | RelayError]
"""The outcome of each new call of a batch, in order."""


@dataclass(frozen=True, slots=True)
class _Hint:
    """What the end of an open call will need to read, known in advance, so that one round trip reads it all."""

    revision: int
    """The revision of the policy that this was read with."""
    windows: tuple[WindowKey, ...]
    limited: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the policy says about a new call."""

    call: NewCall
    rates: RateLimits
    is_limited: bool
    budgets: list[tuple[Budget, Window]]
    keys: tuple[WindowKey, ...]


@dataclass(frozen=True, slots=True)
class _Reads:
    """What one round trip reads."""

    ended: list[str]
    begun: list[str]
    keys: set[WindowKey]
    limited: set[str]

    def queries(self) -> list[Query]:
        """Returns the statements. They lock calls, then windows, then rates."""
        queries: list[Query] = [(REVISION, {})]
        if self.ended:
            queries += Settling.queries(self.ended)
        if self.begun:
            queries.append((EXISTING, {"ids": self.begun}))
        if self.keys:
            queries.append(BudgetWindows.query(self.keys))
        if self.limited:
            queries += Rates.queries(sorted(self.limited))
        return queries

    def take(self, results: Iterator[list[Row]], settling: Settling, reserving: Reserving) -> None:
        """Passes the rows to the objects that need them. The row of the revision must be removed first."""
        if self.ended:
            settling.take(next(results), next(results))
        if self.begun:
            reserving.existing = {row[0]: row[1] for row in next(results)}
        if self.keys:
            settling.budget_windows.take(next(results))
        if self.limited:
            reserving.rates.take(next(results), next(results))


class BeginAgain(Exception):
    """The transaction must be rolled back and run again, because what it began with has changed."""


class BatchWriter:
    """Writes batches, and remembers between them what later ones need."""

    def __init__(
        self, server_id: str, policies: PolicyCache, now: Callable[[], datetime], thresholds: Sequence[int]
    ) -> None:
        """`now` is the database's clock as this process knows it; `thresholds` are the percentages for alerts."""
        self._server_id = server_id
        self._policies = policies
        self._now = now
        self._thresholds = thresholds
        self._windows: dict[str, tuple[Budget, Window]] = {}
        self._hints: dict[str, _Hint] = {}
        self._made_windows: set[WindowKey] = set()
        self._made_rates: set[str] = set()

    async def write(self, transaction: Transaction, batch: Batch) -> Outcomes:
        """Writes a batch. Ended calls come first, because they free room. Raises BeginAgain."""
        now = self._now()
        now_us = to_us(now)
        budget_windows, roll_up, rates = BudgetWindows(), RollUp(), Rates(now_us)
        settling = Settling(now_us, budget_windows, roll_up)
        reserving = Reserving(now, self._server_id, budget_windows, rates, roll_up)
        await transaction.lock_policy(to_change=False)
        revision = self._policies.policy.revision  # read once: it may be replaced during a wait
        plans = [self._plan(call, now, now_us) for call in batch.calls]
        await self._read(transaction, batch, plans, settling, reserving, revision)
        for call_id, count in batch.joined.items():
            settling.join(call_id, count)
        for end in batch.ends:
            self._settle(end, settling, rates)
        outcomes = [self._reserve(plan, reserving, revision) for plan in plans]
        if refused := reserving.refused_accounts():
            await rates.load(transaction, refused)
        if batch.calls:
            await reserving.write(transaction)
        if batch.ends or batch.joined:
            await settling.write(transaction)
        await budget_windows.write(transaction, self._policies.budget, self._thresholds, now)
        await rates.write(transaction)
        await roll_up.write(transaction)
        return outcomes

    def forget(self) -> None:
        """Forgets which rows exist, after a transaction was rolled back."""
        self._made_windows.clear()
        self._made_rates.clear()

    async def _read(
        self,
        transaction: Transaction,
        batch: Batch,
        plans: list[_Plan],
        settling: Settling,
        reserving: Reserving,
        revision: int,
    ) -> None:
        """Reads and locks what the batch needs. Locks all windows at once and in order, or two servers could deadlock.

        Raises BeginAgain if the policy or a row has changed, because the batch may then need other rows.
        """
        ended = [*(end.id for end in batch.ends), *batch.joined]
        limited = {plan.call.account for plan in plans if plan.is_limited}
        keys = {(budget.id, window.starts_at) for plan in plans for budget, window in plan.budgets}
        if not (keys <= self._made_windows and limited <= self._made_rates):
            await self._make_rows(transaction, plans, limited)
        for call_id in ended:
            if hint := self._hints.get(call_id):
                keys.update(hint.windows)
                limited.update(hint.limited)
        keys |= await self._reserved(transaction, ended, revision)
        reads = _Reads(ended, [plan.call.id for plan in plans], keys, limited)
        results = iter(await transaction.fetch_each(reads.queries()))
        if next(results)[0][0] != revision:
            await self._load_policy(transaction)
            raise BeginAgain
        reads.take(results, settling, reserving)
        if ended:
            await self._read_more(transaction, settling, reserving.rates, limited)
        if any(settling.budget_windows.missing(plan.keys) for plan in plans):
            raise BeginAgain  # another server has deleted a row that existed

    async def _reserved(self, transaction: Transaction, ended: list[str], revision: int) -> set[WindowKey]:
        """Returns the windows of calls whose hints are missing, or older than the current budgets."""
        if not self._policies.has_budgets:
            return set()
        hints = ((call_id, self._hints.get(call_id)) for call_id in ended)
        unknown = [call_id for call_id, hint in hints if hint is None or hint.revision != revision]
        if not unknown:
            return set()
        return {(row[1], row[2]) for row in await transaction.fetch(READ_WINDOWS, {"ids": unknown})}

    async def _read_more(self, transaction: Transaction, settling: Settling, rates: Rates, limited: set[str]) -> None:
        """Reads the windows and rates that the ended calls need and that no hint named."""
        if missing := settling.budget_windows.missing(settling.window_keys()):
            settling.budget_windows.take(await transaction.fetch(*BudgetWindows.query(missing)))
        accounts = {entry.account for entry in settling.entries.values() if entry.rate_tokens is not None} - limited
        if accounts:
            await rates.load(transaction, accounts)

    async def _load_policy(self, transaction: Transaction) -> None:
        """Reads and applies policy changes."""
        changes = await read_changes(transaction, self._policies.policy.revision)
        if changes is not None:
            self._policies.apply(changes)

    async def _make_rows(self, transaction: Transaction, plans: list[_Plan], limited: set[str]) -> None:
        new = {
            (budget.id, window.starts_at): window
            for plan in plans
            for budget, window in plan.budgets
            if (budget.id, window.starts_at) not in self._made_windows
        }
        await ensure_windows(transaction, new)
        self._made_windows.update(new)
        await Rates.ensure(transaction, sorted(limited - self._made_rates))
        self._made_rates |= limited

    def _settle(self, end: CallEnd, settling: Settling, rates: Rates) -> None:
        entry = settling.settle(end)
        self._hints.pop(end.id, None)
        if entry is not None and entry.rate_tokens is not None and end.input_tokens is not None:
            used = end.input_tokens + (end.output_tokens or 0)
            rates.correct(entry.account, self._rates_of(entry.account), entry.rate_tokens, used)

    def _reserve(self, plan: _Plan, reserving: Reserving, revision: int) -> Reserved | RelayError:
        outcome = reserving.reserve(plan.call, plan.rates if plan.is_limited else None, plan.budgets)
        if isinstance(outcome, Reserved) and (plan.is_limited or self._policies.has_budgets):
            limited = (plan.call.account,) if plan.is_limited else ()
            self._hints[plan.call.id] = _Hint(revision, plan.keys, limited)
        return outcome

    def _plan(self, call: NewCall, now: datetime, now_us: int) -> _Plan:
        rates = self._rates_of(call.account)
        budgets = [
            (budget, self._window(budget, now, now_us)) for budget in self._policies.budgets_of(call.account, call.tags)
        ]
        keys = tuple((budget.id, window.starts_at) for budget, window in budgets)
        return _Plan(call, rates, is_limited(rates), budgets, keys)

    def _rates_of(self, account: str) -> RateLimits:
        caller = self._policies.policy.callers.get(account)
        return caller.rates if caller else _NO_RATES

    def _window(self, budget: Budget, now: datetime, now_us: int) -> Window:
        known = self._windows.get(budget.id)
        if known is None or known[0] is not budget or not known[1].has(now_us):
            known = self._windows[budget.id] = (budget, window_at(budget.period, budget.time_zone, now))
        return known[1]
