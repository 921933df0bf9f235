"""Settling: the rows of ended calls, and of calls whose server died."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from llm_relay.messages.accounts import CallState
from server_b.ledger.books.budget_windows import BudgetWindows, WindowKey
from server_b.ledger.entries import CallEnd
from server_b.ledger.roll_up import Counts, RollUp
from server_b.ledger.times import optional_to_us, to_us
from server_b.ledger.transactions import Query, Row, Transaction

LOST_OUTCOME = "LOST"
LATE_REASON = "settled after its server was considered dead"

_READ = (
    "SELECT id, state, account, protocol, provider, model, outcome, reserved_nano_usd, charged_nano_usd, joined,"
    " started_at, rate_tokens, nano_usd FROM calls WHERE id IN :ids ORDER BY id FOR UPDATE"
)
READ_WINDOWS = "SELECT call_id, budget_id, window_start FROM reservations WHERE call_id IN :ids"
_SETTLE = (
    "UPDATE calls SET state = 'settled', outcome = :outcome, is_failed = :is_failed, provider = :provider,"
    " model = :model, input_tokens = :input_tokens, output_tokens = :output_tokens,"
    " cache_read_tokens = :cache_read_tokens, cache_write_tokens = :cache_write_tokens,"
    " reasoning_tokens = :reasoning_tokens, accuracy = :accuracy, nano_usd = :nano_usd, charged_nano_usd = :charged,"
    " is_overrun = :is_overrun, price_source = :price_source, service_tier = :service_tier, ended_at = :ended_at,"
    " first_token_s = :first_token_s, duration_s = :duration_s WHERE id = :id"
)
_LOSE = (
    "UPDATE calls SET state = 'lost', outcome = :outcome, is_failed = 1, charged_nano_usd = :charged, ended_at = :now"
    " WHERE id = :id"
)
_ATTEMPT = (
    "INSERT INTO attempts (call_id, number, provider, model, started_at, ended_at, outcome, may_have_worked)"
    " VALUES (:call_id, :number, :provider, :model, :started_at, :ended_at, :outcome, :may_have_worked)"
    " ON CONFLICT (call_id, number) DO NOTHING"
)
_ADJUST = (
    "INSERT INTO adjustments (id, call_id, nano_usd, reason, made_at)"
    " VALUES (:id, :call_id, :nano_usd, :reason, :made_at)"
)
_JOIN = "UPDATE calls SET joined = joined + :count WHERE id = :id"


@dataclass(frozen=True, slots=True)
class Entry:
    """The columns of a call's row that settling needs."""

    id: str
    state: str
    account: str
    protocol: str
    provider: str
    model: str
    outcome: str
    reserved: int | None
    charged: int
    joined: int
    started_at: int
    rate_tokens: int | None
    nano_usd: int | None


@dataclass(slots=True)
class Settling:
    """What one transaction settles."""

    now_us: int
    budget_windows: BudgetWindows
    roll_up: RollUp
    entries: dict[str, Entry] = field(default_factory=dict)
    windows: dict[str, list[WindowKey]] = field(default_factory=dict)
    _settled: list[dict[str, Any]] = field(default_factory=list)
    _lost: list[dict[str, Any]] = field(default_factory=list)
    _attempts: list[dict[str, Any]] = field(default_factory=list)
    _adjustments: list[dict[str, Any]] = field(default_factory=list)
    _joined: dict[str, int] = field(default_factory=dict)

    @staticmethod
    def queries(ids: list[str]) -> list[Query]:
        """Returns the statements whose rows `take` reads. The first one locks the calls."""
        return [(_READ, {"ids": ids}), (READ_WINDOWS, {"ids": ids})]

    def take(self, entries: list[Row], windows: list[Row]) -> None:
        """Reads the rows of `queries`."""
        self.entries = {row[0]: Entry(*row) for row in entries}
        self.windows = {}
        for call_id, budget_id, starts_at in windows:
            self.windows.setdefault(call_id, []).append((budget_id, starts_at))

    def window_keys(self) -> Iterable[WindowKey]:
        """Returns the windows that the calls count in."""
        return (key for keys in self.windows.values() for key in keys)

    def settle(self, end: CallEnd) -> Entry | None:
        """Settles a call. Returns its row as it was, or None if there is nothing to settle."""
        entry = self.entries.get(end.id)
        if entry is None or entry.state not in {CallState.OPEN.value, CallState.LOST.value}:
            return None
        del self.entries[end.id]
        nano_usd = end.nano_usd if end.nano_usd is not None or end.may_have_worked else 0
        charged = (entry.reserved or 0) if nano_usd is None else nano_usd
        if entry.state == CallState.OPEN.value:
            self.budget_windows.add(self.windows.get(end.id, ()), reserved=-(entry.reserved or 0), spent=charged)
        else:
            self._settle_lost(entry, charged)
        counts = self._counts(entry, end.provider, end.model, end.outcome)
        counts.calls += 1
        counts.failed += end.is_failed
        counts.unknown_cost_calls += nano_usd is None
        counts.joined += entry.joined + self._joined.get(end.id, 0)
        counts.input_tokens += end.input_tokens or 0
        counts.output_tokens += end.output_tokens or 0
        counts.cache_read_tokens += end.cache_read_tokens or 0
        counts.cache_write_tokens += end.cache_write_tokens or 0
        counts.reasoning_tokens += end.reasoning_tokens or 0
        counts.nano_usd += nano_usd or 0
        counts.charged_nano_usd += charged
        self._settled.append(_settled_row(end, entry, nano_usd, charged))
        self._attempts += _attempt_rows(end)
        return entry

    def lose(self, entry: Entry) -> None:
        """Records that a call's server died. The call is charged its reservation, and its cost is unknown."""
        charged = entry.reserved or 0
        self.budget_windows.add(self.windows.get(entry.id, ()), reserved=-charged, spent=charged)
        counts = self._counts(entry, entry.provider, entry.model, LOST_OUTCOME)
        counts.calls += 1
        counts.failed += 1
        counts.unknown_cost_calls += 1
        counts.joined += entry.joined
        counts.charged_nano_usd += charged
        self._lost.append({"id": entry.id, "outcome": LOST_OUTCOME, "charged": charged, "now": self.now_us})

    def join(self, call_id: str, count: int) -> None:
        """Counts requests that were given a call's answer. Call it before `settle`."""
        self._joined[call_id] = count
        entry = self.entries.get(call_id)
        if entry is not None and entry.state != CallState.OPEN.value:
            self._counts(entry, entry.provider, entry.model, entry.outcome).joined += count

    async def write(self, transaction: Transaction) -> None:
        """Writes the rows of calls."""
        if self._joined:
            joined = [{"id": call_id, "count": count} for call_id, count in sorted(self._joined.items())]
            await transaction.execute_many(_JOIN, joined)
        for sql, rows in (
            (_SETTLE, self._settled),
            (_LOSE, self._lost),
            (_ATTEMPT, self._attempts),
            (_ADJUST, self._adjustments),
        ):
            if rows:
                await transaction.execute_many(sql, rows)

    def _settle_lost(self, entry: Entry, charged: int) -> None:
        self.budget_windows.add(self.windows.get(entry.id, ()), spent=charged - entry.charged)
        counts = self._counts(entry, entry.provider, entry.model, entry.outcome)
        counts.calls -= 1
        counts.failed -= 1
        counts.unknown_cost_calls -= entry.nano_usd is None
        counts.nano_usd -= entry.nano_usd or 0  # an admin may have corrected it meanwhile
        counts.joined -= entry.joined + self._joined.get(entry.id, 0)
        counts.charged_nano_usd -= entry.charged
        self._adjustments.append(
            {
                "id": str(uuid.uuid4()),
                "call_id": entry.id,
                "nano_usd": charged - entry.charged,
                "reason": LATE_REASON,
                "made_at": self.now_us,
            }
        )

    def _counts(self, entry: Entry, provider: str, model: str, outcome: str) -> Counts:
        return self.roll_up.of(entry.started_at, entry.account, provider, model, entry.protocol, outcome)


def _settled_row(end: CallEnd, entry: Entry, nano_usd: int | None, charged: int) -> dict[str, Any]:
    return {
        "id": end.id,
        "outcome": end.outcome,
        "is_failed": int(end.is_failed),
        "provider": end.provider,
        "model": end.model,
        "input_tokens": end.input_tokens,
        "output_tokens": end.output_tokens,
        "cache_read_tokens": end.cache_read_tokens,
        "cache_write_tokens": end.cache_write_tokens,
        "reasoning_tokens": end.reasoning_tokens,
        "accuracy": end.accuracy,
        "nano_usd": nano_usd,
        "charged": charged,
        "is_overrun": int(nano_usd is not None and entry.reserved is not None and nano_usd > entry.reserved),
        "price_source": end.price_source,
        "service_tier": end.service_tier,
        "ended_at": to_us(end.ended_at),
        "first_token_s": end.first_token_s,
        "duration_s": end.duration_s,
    }


def _attempt_rows(end: CallEnd) -> list[dict[str, Any]]:
    return [
        {
            "call_id": end.id,
            "number": number,
            "provider": attempt.provider,
            "model": attempt.model,
            "started_at": to_us(attempt.started_at),
            "ended_at": optional_to_us(attempt.ended_at),
            "outcome": attempt.outcome,
            "may_have_worked": int(attempt.may_have_worked),
        }
        for number, attempt in enumerate(end.attempts, start=1)
    ]
