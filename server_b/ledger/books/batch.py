"""One batch: calls that begin, end and are joined at the same time, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from llm_relay.errors import RelayError
from llm_relay.messages.accounts import Budget, RateLimits
from server_b.ledger.books.charges import Charges, WindowKey, ensure_windows
from server_b.ledger.books.rates import Rates, is_limited
from server_b.ledger.books.reserving import EXISTING, Reserving
from server_b.ledger.books.roll_up import RollUp
from server_b.ledger.books.settling import Settling
from server_b.ledger.entries import CallEnd, NewCall, Reserved
from server_b.ledger.policies import REVISION, PolicyCache, read_changes
from server_b.ledger.times import to_us
from server_b.ledger.transactions import Query, Transaction
from server_b.ledger.windows import Window, window_at

_NO_RATES = RateLimits()


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written together."""

    calls: Sequence[NewCall] = ()
    ends: Sequence[CallEnd] = ()
    joined: Mapping[str, int] = field(default_factory=dict)
    """How many more requests were given each call's answer."""


Outcomes = list[Reserved | RelayError]
"""What became of each call of a batch that begins, in order."""


@dataclass(frozen=True, slots=True)
class _Hint:
    """What an open call of this process will need when it ends, so that one round trip reads it."""

    windows: tuple[WindowKey, ...]
    limited: tuple[str, ...]


class BatchWriter:
    """Writes batches, with what it remembers between them."""

    def __init__(
        self, server_id: str, policies: PolicyCache, now: Callable[[], datetime], thresholds: Sequence[int]
    ) -> None:
        """`now` is the database's clock as this process knows it; `thresholds` are percents of budgets."""
        self._server_id = server_id
        self._policies = policies
        self._now = now
        self._thresholds = thresholds
        self._windows: dict[str, tuple[Budget, Window]] = {}
        self._hints: dict[str, _Hint] = {}
        self._made_windows: set[tuple[str, int]] = set()
        self._made_rates: set[str] = set()

    async def write(self, transaction: Transaction, batch: Batch) -> Outcomes:
        """Writes a batch: what ended first, because it makes room."""
        now = self._now()
        charges, roll_up, rates = Charges(), RollUp(), Rates(to_us(now))
        settling = Settling(rates.now_us, charges, roll_up)
        reserving = Reserving(now, self._server_id, charges, rates, roll_up)
        await transaction.lock_policy(to_change=False)
        while True:
            windows = {
                budget.id: self._window(budget, now) for call in batch.calls for budget in self._budgets_of(call)
            }
            if await self._read(transaction, batch, windows, settling, reserving):
                break
        for call_id, count in batch.joined.items():
            settling.join(call_id, count)
        for end in batch.ends:
            self._settle(end, settling, rates)
        outcomes = [self._reserve(call, now, reserving) for call in batch.calls]
        await rates.load(transaction, reserving.refused_accounts())
        await reserving.write(transaction)
        await settling.write(transaction)
        await charges.write(transaction, self._policies.budget, self._thresholds, now)
        await rates.write(transaction)
        await roll_up.write(transaction)
        return outcomes

    def forget(self) -> None:
        """Forgets which rows are there, after a transaction that was rolled back."""
        self._made_windows.clear()
        self._made_rates.clear()

    async def _read(
        self,
        transaction: Transaction,
        batch: Batch,
        windows: Mapping[str, Window],
        settling: Settling,
        reserving: Reserving,
    ) -> bool:
        """Reads and locks what the batch needs; False: the policy has changed, so it may need something else."""
        ended = [*(end.id for end in batch.ends), *batch.joined]
        limited = {call.account for call in batch.calls if is_limited(self._rates_of(call.account))}
        keys = {(budget_id, window.starts_at) for budget_id, window in windows.items()}
        for hint in (self._hints[call_id] for call_id in ended if call_id in self._hints):
            keys.update(hint.windows)
            limited.update(hint.limited)
        await self._make_rows(transaction, windows, limited)
        queries: list[Query] = [(REVISION, {})]
        queries += Settling.queries(ended) if ended else []
        queries += [(EXISTING, {"ids": [call.id for call in batch.calls]})] if batch.calls else []
        queries += [Charges.query(keys)] if keys else []
        queries += Rates.queries(sorted(limited)) if limited else []
        results = iter(await transaction.fetch_each(queries))
        if next(results)[0][0] != self._policies.policy.revision:
            await self.load_policy(transaction)
            return False
        if ended:
            settling.take(next(results), next(results))
        if batch.calls:
            reserving.existing = {row[0] for row in next(results)}
        if keys:
            settling.charges.take(next(results))
        if limited:
            reserving.rates.take(next(results), next(results))
        if missing := settling.charges.missing(settling.window_keys()):
            settling.charges.take(await transaction.fetch(*Charges.query(missing)))
        accounts = {entry.account for entry in settling.entries.values() if entry.rate_tokens is not None} - limited
        await reserving.rates.load(transaction, accounts)
        return True

    async def load_policy(self, transaction: Transaction) -> None:
        """Takes over what has changed."""
        changes = await read_changes(transaction, self._policies.policy.revision)
        if changes is not None:
            self._policies.apply(changes)

    async def _make_rows(self, transaction: Transaction, windows: Mapping[str, Window], limited: set[str]) -> None:
        new = {
            budget_id: window
            for budget_id, window in windows.items()
            if (budget_id, window.starts_at) not in self._made_windows
        }
        await ensure_windows(transaction, new)
        self._made_windows.update((budget_id, window.starts_at) for budget_id, window in new.items())
        await Rates.ensure(transaction, sorted(limited - self._made_rates))
        self._made_rates |= limited

    def _settle(self, end: CallEnd, settling: Settling, rates: Rates) -> None:
        entry = settling.settle(end)
        self._hints.pop(end.id, None)
        if entry is not None and entry.rate_tokens is not None and end.input_tokens is not None:
            used = end.input_tokens + (end.output_tokens or 0)
            rates.correct(entry.account, self._rates_of(entry.account), entry.rate_tokens, used)

    def _reserve(self, call: NewCall, now: datetime, reserving: Reserving) -> Reserved | RelayError:
        rates = self._rates_of(call.account)
        budgets = [(budget, self._window(budget, now).starts_at) for budget in self._budgets_of(call)]
        outcome = reserving.reserve(call, rates, budgets)
        if isinstance(outcome, Reserved) and (budgets or is_limited(rates)):
            windows = tuple((budget.id, starts_at) for budget, starts_at in budgets)
            self._hints[call.id] = _Hint(windows, (call.account,) if is_limited(rates) else ())
        return outcome

    def _budgets_of(self, call: NewCall) -> list[Budget]:
        return self._policies.budgets_of(call.account, call.tags)

    def _rates_of(self, account: str) -> RateLimits:
        caller = self._policies.policy.callers.get(account)
        return caller.rates if caller else _NO_RATES

    def _window(self, budget: Budget, now: datetime) -> Window:
        known = self._windows.get(budget.id)
        if known is None or known[0] is not budget or not known[1].has(to_us(now)):
            known = self._windows[budget.id] = (budget, window_at(budget.period, budget.time_zone, now))
        return known[1]
