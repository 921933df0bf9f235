"""Corrections of what calls cost."""

from __future__ import annotations

from datetime import datetime

import orjson

from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages.accounts import Adjustment, Budget, CallEntry, CallState
from server_b.ledger.accounts.changes import Change, missing
from server_b.ledger.accounts.counting import Scope
from server_b.ledger.accounts.thresholds import notice
from server_b.ledger.call_rows import COLUMNS, entry, with_attempts
from server_b.ledger.entries import MOST_NANO_USD
from server_b.ledger.policies import BUDGET_COLUMNS, budget_from_row
from server_b.ledger.roll_up import RollUp
from server_b.ledger.times import US_PER_S, from_us, to_us
from server_b.ledger.transactions import Transaction
from server_b.ledger.windows import window_at

_NEAR_US = 60 * US_PER_S
"""How far a call's reservation may be from its start: it may fall in the next window."""
_BUDGET = ", ".join(f"b.{column}" for column in BUDGET_COLUMNS.split(", "))
_RESERVED = (
    f"SELECT r.window_start, {_BUDGET} FROM reservations r JOIN budgets b ON b.id = r.budget_id"  # noqa: S608 - columns
    " WHERE r.call_id = :id"
)
_COUNTED = (
    f"SELECT c.account, c.tags, b.counted_accounts, {_BUDGET} FROM budgets b JOIN calls c ON c.id = :id"  # noqa: S608
    " WHERE b.deleted_at IS NULL AND b.counted_at > :at"
)


async def adjust(change: Change, adjustment: Adjustment, *, price_source: str = "") -> CallEntry:
    """Adds to the cost of a call that has ended, and corrects its windows and the roll-up by the same amount.

    An unknown cost counts as 0, and is known afterwards. A non-empty `price_source` replaces the call's.
    """
    call = await _call(change.transaction, adjustment.call_id)
    key = adjustment.id or f"adj_{change.key[:16]}"
    if await change.transaction.fetch("SELECT id FROM adjustments WHERE id = :id", {"id": key}):
        return call
    nano_usd = (call.nano_usd or 0) + adjustment.nano_usd
    _check(call, nano_usd)
    more = nano_usd - call.charged_nano_usd
    await _correct_windows(change, call, more)
    await _correct_usage(change.transaction, call, nano_usd - (call.nano_usd or 0), more)
    await change.transaction.execute(
        "UPDATE calls SET nano_usd = :nano_usd, charged_nano_usd = :nano_usd,"
        " price_source = CASE WHEN :source = '' THEN price_source ELSE :source END WHERE id = :id",
        {"nano_usd": nano_usd, "source": price_source, "id": call.id},
    )
    await change.transaction.execute(
        "INSERT INTO adjustments (id, call_id, nano_usd, reason, made_by, made_at)"
        " VALUES (:id, :call, :nano_usd, :reason, :by, :at)",
        {
            "id": key,
            "call": call.id,
            "nano_usd": adjustment.nano_usd,
            "reason": adjustment.reason,
            "by": change.by,
            "at": change.at_us,
        },
    )
    await change.audit("call.adjust", call.id, {"nano_usd": adjustment.nano_usd, "reason": adjustment.reason})
    return await _call(change.transaction, call.id)


def _check(call: CallEntry, nano_usd: int) -> None:
    if call.state is CallState.OPEN:
        raise InvalidRequest.of(Violation("call_id", "must be a call that has ended: this call is still running"))
    if call.state is CallState.REFUSED:
        raise InvalidRequest.of(Violation("call_id", "must be a call that reached a provider: this call was refused"))
    if nano_usd > MOST_NANO_USD:
        most = MOST_NANO_USD - (call.nano_usd or 0)
        raise InvalidRequest.of(
            Violation("nano_usd", f"must be {most} or less: no call costs more than ten million USD")
        )
    if nano_usd < 0:
        raise InvalidRequest.of(
            Violation("nano_usd", f"must be {-(call.nano_usd or 0)} or more: no call costs less than 0")
        )


async def _call(transaction: Transaction, call_id: str) -> CallEntry:
    rows = await transaction.fetch(f"SELECT {COLUMNS} FROM calls WHERE id = :id FOR UPDATE", {"id": call_id})  # noqa: S608
    if not rows:
        raise missing("call_id", f"call {call_id!r}")
    [call] = await with_attempts(transaction, [entry(rows[0])])
    return call


async def _correct_windows(change: Change, call: CallEntry, more: int) -> None:
    """Adds `more` to each window that counts the call: those that reserved it, and those that counted it from its row.

    A budget whose period has changed counted the call from its row too: the window that reserved it is deleted.
    """
    transaction = change.transaction
    reserved, counted = await transaction.fetch_each(
        [
            (
                _RESERVED,
                {"id": call.id},
            ),
            (
                _COUNTED,
                {"id": call.id, "at": to_us(call.started_at)},
            ),
        ]
    )
    starts: dict[str, tuple[Budget, int]] = {}
    for account, tags, accounts, *row in counted:
        budget = budget_from_row(tuple(row))
        if Scope(accounts=frozenset(orjson.loads(accounts)), tag=budget.tag).has(account, tags):
            starts[budget.id] = (budget, window_at(budget.period, budget.time_zone, call.started_at).starts_at)
    for start, *row in reserved:
        budget = budget_from_row(tuple(row))
        starts[budget.id] = (budget, _window_start(budget, start, call.started_at))
    for _, (budget, start) in sorted(starts.items()):
        rows = await transaction.fetch(
            "UPDATE windows SET spent_nano_usd = spent_nano_usd + :more"
            " WHERE budget_id = :budget AND starts_at = :start RETURNING spent_nano_usd",
            {"more": more, "budget": budget.id, "start": start},
        )
        if rows and more > 0:
            await notice(change, budget, starts_at=start, spent=rows[0][0])


def _window_start(budget: Budget, reserved_start: int, started_at: datetime) -> int:
    """Returns the start of the window that counts a call. `reserved_start` may be a window of an earlier period."""
    window = window_at(budget.period, budget.time_zone, from_us(reserved_start))
    at = to_us(started_at)
    is_near = window.has(at - _NEAR_US) or window.has(at) or window.has(at + _NEAR_US)
    if window.starts_at == reserved_start and is_near:
        return reserved_start
    return window_at(budget.period, budget.time_zone, started_at).starts_at


async def _correct_usage(transaction: Transaction, call: CallEntry, cost: int, more: int) -> None:
    roll_up = RollUp()
    account = call.caller.rpartition("/")[2]
    counts = roll_up.of(to_us(call.started_at), account, call.provider, call.model, call.protocol, call.outcome)
    counts.unknown_cost_calls = -1 if call.nano_usd is None else 0
    counts.nano_usd, counts.charged_nano_usd = cost, more
    await roll_up.write(transaction)
