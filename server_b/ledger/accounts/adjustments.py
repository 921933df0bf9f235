"""Corrections of what calls cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

import orjson

from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages.accounts import Adjustment, Budget, CallEntry, CallState
from server_b.ledger.accounts.changes import Change, missing
from server_b.ledger.accounts.counting import Scope
from server_b.ledger.accounts.thresholds import notice
from server_b.ledger.call_rows import COLUMNS, entry, with_attempts
from server_b.ledger.entries import MOST_NANO_USD, MOST_SUM
from server_b.ledger.policies import BUDGET_COLUMNS, budget_from_row
from server_b.ledger.roll_up import RollUp
from server_b.ledger.times import US_PER_S, from_us, to_us
from server_b.ledger.transactions import Query, Row, Transaction
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


@dataclass(frozen=True, slots=True)
class Correction:
    """The correction of one call."""

    call: CallEntry
    """The call before the correction."""
    adjustment: Adjustment
    price_source: str = ""
    """Replaces the call's price source, unless it is empty."""

    @property
    def nano_usd(self) -> int:
        """The cost of the call after the correction."""
        return (self.call.nano_usd or 0) + self.adjustment.nano_usd

    @property
    def more(self) -> int:
        """The additional charge to the call's budgets; it may be negative."""
        return self.nano_usd - self.call.charged_nano_usd


async def adjust(change: Change, adjustment: Adjustment) -> CallEntry:
    """Adds to the cost of a call that has ended, and corrects its windows and the roll-up by the same amount.

    An unknown cost counts as 0, whatever was charged, and is known afterwards.
    """
    call = (await lock_calls(change.transaction, [adjustment.call_id])).get(adjustment.call_id)
    if call is None:
        raise missing("call_id", f"call {adjustment.call_id!r}")
    await correct(change, [Correction(call, adjustment)])
    [corrected] = (await lock_calls(change.transaction, [call.id])).values()
    [shown] = await with_attempts(change.transaction, [corrected])
    return shown


async def lock_calls(transaction: Transaction, ids: Sequence[str]) -> dict[str, CallEntry]:
    """Returns calls by id, without attempts. Locks them in a fixed order until the end of the transaction."""
    rows = await transaction.fetch(
        f"SELECT {COLUMNS} FROM calls WHERE id IN :ids ORDER BY id FOR UPDATE",  # noqa: S608 - columns
        {"ids": list(ids)},
    )
    return {call.id: call for call in map(entry, rows)}


async def correct(change: Change, corrections: Sequence[Correction]) -> None:
    """Corrects calls that `lock_calls` has locked, each call at most once.

    Takes locks like a batch of calls: first all calls, then all windows, then the roll-up, each in a fixed order. So
    the two cannot deadlock.
    """
    keyed = [(one.adjustment.id or f"adj_{change.key[:16]}", one) for one in corrections]
    made = await change.transaction.fetch(
        "SELECT id FROM adjustments WHERE id IN :ids", {"ids": [key for key, _ in keyed]}
    )
    keyed = [(key, one) for key, one in keyed if (key,) not in made]
    for _, one in keyed:
        _check(one.call, one.nano_usd)
    await _correct_windows(change, [one for _, one in keyed])
    await _correct_usage(change.transaction, [one for _, one in keyed])
    await change.transaction.execute_many(
        "UPDATE calls SET nano_usd = :nano_usd, charged_nano_usd = :charged, price_source = :source WHERE id = :id",
        [
            {
                "nano_usd": one.nano_usd,
                "charged": one.nano_usd,
                "source": one.price_source or one.call.price_source,
                "id": one.call.id,
            }
            for _, one in keyed
        ],
    )
    await change.transaction.execute_many(
        "INSERT INTO adjustments (id, call_id, nano_usd, reason, made_by, made_at)"
        " VALUES (:id, :call, :nano_usd, :reason, :by, :at)",
        [
            {
                "id": key,
                "call": one.call.id,
                "nano_usd": one.adjustment.nano_usd,
                "reason": one.adjustment.reason,
                "by": change.by,
                "at": change.at_us,
            }
            for key, one in keyed
        ],
    )
    for _, one in keyed:
        detail = {"nano_usd": one.adjustment.nano_usd, "reason": one.adjustment.reason}
        await change.audit("call.adjust", one.call.id, detail)


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
    if nano_usd < 0 and call.nano_usd is None:
        text = "must be 0 or more: the call's cost is unknown, so this is what it cost, not a difference"
        raise InvalidRequest.of(Violation("nano_usd", text))
    if nano_usd < 0:
        raise InvalidRequest.of(
            Violation("nano_usd", f"must be {-(call.nano_usd or 0)} or more: no call costs less than 0")
        )


async def _correct_windows(change: Change, corrections: Sequence[Correction]) -> None:
    """Adds to the windows in which the calls were reserved, and to those that counted them from their rows."""
    queries: list[Query] = []
    for one in corrections:
        queries += [(_RESERVED, {"id": one.call.id}), (_COUNTED, {"id": one.call.id, "at": to_us(one.call.started_at)})]
    rows = iter(await change.transaction.fetch_each(queries))
    changes: dict[tuple[str, int], tuple[Budget, int]] = {}
    for one in corrections:
        for budget, start in _windows(one.call, next(rows), next(rows)):
            _, more = changes.get((budget.id, start), (budget, 0))
            changes[budget.id, start] = (budget, more + one.more)
    for (budget_id, start), (budget, more) in sorted(changes.items(), key=itemgetter(0)):
        spent = await change.transaction.fetch(
            "UPDATE windows SET spent_nano_usd ="
            " CASE WHEN :more > :most - spent_nano_usd THEN :most ELSE spent_nano_usd + :more END"
            " WHERE budget_id = :budget AND starts_at = :start RETURNING spent_nano_usd",
            {"more": more, "most": MOST_SUM, "budget": budget_id, "start": start},
        )
        if spent and more > 0:
            await notice(change, budget, starts_at=start, spent=spent[0][0])


def _windows(call: CallEntry, reserved: Sequence[Row], counted: Sequence[Row]) -> Iterable[tuple[Budget, int]]:
    """Returns the budgets that a call counts in, each with the start of its window.

    A budget whose period has changed counted the call from its row too: the window that reserved it is deleted.
    """
    starts: dict[str, tuple[Budget, int]] = {}
    for account, tags, accounts, *row in counted:
        budget = budget_from_row(tuple(row))
        if Scope(accounts=frozenset(orjson.loads(accounts)), tag=budget.tag).has(account, tags):
            starts[budget.id] = (budget, window_at(budget.period, budget.time_zone, call.started_at).starts_at)
    for start, *row in reserved:
        budget = budget_from_row(tuple(row))
        starts[budget.id] = (budget, _window_start(budget, start, call.started_at))
    return starts.values()


def _window_start(budget: Budget, reserved_start: int, started_at: datetime) -> int:
    """Returns the start of the window that counts a call. `reserved_start` may be a window of an earlier period."""
    window = window_at(budget.period, budget.time_zone, from_us(reserved_start))
    at = to_us(started_at)
    is_near = window.has(at - _NEAR_US) or window.has(at) or window.has(at + _NEAR_US)
    if window.starts_at == reserved_start and is_near:
        return reserved_start
    return window_at(budget.period, budget.time_zone, started_at).starts_at


async def _correct_usage(transaction: Transaction, corrections: Sequence[Correction]) -> None:
    roll_up = RollUp()
    for one in corrections:
        call = one.call
        account = call.caller.rpartition("/")[2]
        counts = roll_up.of(to_us(call.started_at), account, call.provider, call.model, call.protocol, call.outcome)
        counts.unknown_cost_calls -= call.nano_usd is None
        counts.nano_usd += one.nano_usd - (call.nano_usd or 0)
        counts.charged_nano_usd += one.more
    await roll_up.write(transaction)
