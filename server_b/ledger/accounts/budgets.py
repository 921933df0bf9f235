"""Budgets, and the windows in which they are spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import orjson

from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages.accounts import Budget, Period
from server_b.ledger.accounts.callers import above, below, parents
from server_b.ledger.accounts.changes import Change, json_text, missing
from server_b.ledger.accounts.counting import Scope, charged, countable
from server_b.ledger.accounts.earlier_calls import EarlierCalls, count_earlier
from server_b.ledger.accounts.thresholds import notice
from server_b.ledger.entries import MOST_SUM
from server_b.ledger.policies import BUDGET_COLUMNS, budget_from_row
from server_b.ledger.times import US_PER_S, from_us, optional_from_us, optional_to_us, to_us
from server_b.ledger.transactions import Transaction
from server_b.ledger.windows import window_at

RECENT_S = 60
"""How far the clocks of two servers may differ, and how long after its start a call may be written, in seconds."""


async def count_before(
    transaction: Transaction, budget: Budget, now: datetime, *, default_zone: str
) -> EarlierCalls | None:
    """Counts earlier calls for `put_budget`, which makes calls wait. Returns None where there is little to count."""
    before = await _before(transaction, budget)
    zone = _zone(budget, before, default_zone)
    if not budget.tag or not _must_recount(before, budget.period, zone):
        return None
    window = window_at(budget.period, zone, now)
    return await count_earlier(transaction, budget.tag, window, to_us(now) - RECENT_S * US_PER_S)


async def put_budget(
    change: Change, budget: Budget, *, default_zone: str, earlier: EarlierCalls | None = None
) -> Budget:
    """Creates a budget, or changes the one with its id, or with its scope and period. Keeps a raise in force.

    `earlier` is the result of `count_before`.
    """
    before = await _before(change.transaction, budget)
    budget = replace(
        budget,
        id=before.id if before else f"bud_{change.key[:16]}",
        time_zone=_zone(budget, before, default_zone),
        created_at=before.created_at if before else from_us(change.at_us),
    )
    if budget.raised_until is None and before is not None and before.is_raised(from_us(change.at_us)):
        budget = replace(budget, raised_by_nano_usd=before.raised_by_nano_usd, raised_until=before.raised_until)
    await _write(change, budget)
    if _must_recount(before, budget.period, budget.time_zone):
        await _count(change, budget, earlier)
    return await _finished(change, budget)


async def raise_budget(change: Change, budget_id: str, nano_usd: int, until: datetime | None) -> Budget:
    """Adds to a budget's limit until a time; None: until its window ends. 0 ends an earlier raise."""
    before = await _by_id(change.transaction, budget_id, "budget_id")
    now = from_us(change.at_us)
    if nano_usd == 0:
        until = None
    elif until is None:
        until = optional_from_us(window_at(before.period, before.time_zone, now).ends_at)
        if until is None:
            raise InvalidRequest.of(Violation("until", "is required, because this budget never resets"))
    elif until <= now:
        raise InvalidRequest.of(Violation("until", "must be in the future"))
    budget = replace(before, raised_by_nano_usd=nano_usd, raised_until=until)
    await _write(change, budget)
    return await _finished(change, budget)


async def _finished(change: Change, budget: Budget) -> Budget:
    """Audits a budget that was written, and alerts to thresholds that it has reached. Returns it with its window."""
    now = from_us(change.at_us)
    await change.audit("budget.put", budget.scope, _shown(budget))
    [shown] = await _with_windows(change.transaction, [budget], now)
    starts_at = window_at(budget.period, budget.time_zone, now).starts_at
    await notice(change, budget, starts_at=starts_at, spent=shown.spent_nano_usd)
    return shown


async def delete_budget(change: Change, budget_id: str) -> None:
    """Deletes a budget. Running calls no longer count in it."""
    budget = await _by_id(change.transaction, budget_id, "budget_id")
    await change.transaction.execute(
        "UPDATE budgets SET deleted_at = :at, revision = :revision WHERE id = :id",
        {"at": change.at_us, "revision": change.revision, "id": budget_id},
    )
    await change.audit("budget.delete", budget.scope, {"id": budget_id, "period": budget.period.value})


async def list_budgets(transaction: Transaction, now: datetime, *, caller: str) -> Sequence[Budget]:
    """Lists all budgets, or those that count the calls of an account: its own, its parents', and those of its tags."""
    rows = await transaction.fetch(f"SELECT {BUDGET_COLUMNS} FROM budgets WHERE deleted_at IS NULL")  # noqa: S608 - columns
    budgets = sorted((budget_from_row(row) for row in rows), key=lambda budget: (budget.scope, budget.period.value))
    if caller:
        names = {caller, *above(caller, await parents(transaction))}
        found = await transaction.fetch("SELECT tags FROM callers WHERE name = :name", {"name": caller})
        tags: Mapping[str, str] = orjson.loads(found[0][0]) if found else {}
        own = {f"{key}={value}" for key, value in tags.items()}
        budgets = [budget for budget in budgets if budget.caller in names or budget.tag in own]
    return await _with_windows(transaction, budgets, now)


def _zone(budget: Budget, before: Budget | None, default_zone: str) -> str:
    return budget.time_zone or (before.time_zone if before else default_zone)


def _must_recount(before: Budget | None, period: Period, time_zone: str) -> bool:
    return before is None or (before.period, before.time_zone) != (period, time_zone)


async def _before(transaction: Transaction, budget: Budget) -> Budget | None:
    """Returns the budget that is being changed, or None for a new one."""
    same = await transaction.fetch(
        f"SELECT {BUDGET_COLUMNS} FROM budgets"  # noqa: S608 - columns
        " WHERE caller = :caller AND tag = :tag AND period = :period AND deleted_at IS NULL",
        {"caller": budget.caller, "tag": budget.tag, "period": budget.period.value},
    )
    if not budget.id:
        return budget_from_row(same[0]) if same else None
    before = await _by_id(transaction, budget.id, "id")
    if before.scope != budget.scope:
        field = "caller" if budget.caller else "tag"
        raise InvalidRequest.of(Violation(field, f"must stay {before.scope}: create another budget for {budget.scope}"))
    if same and same[0][0] != budget.id:
        raise InvalidRequest.of(
            Violation("period", f"must differ from that of budget {same[0][0]}, which has the same scope")
        )
    return before


async def _by_id(transaction: Transaction, budget_id: str, field: str) -> Budget:
    rows = await transaction.fetch(
        f"SELECT {BUDGET_COLUMNS} FROM budgets WHERE id = :id AND deleted_at IS NULL",  # noqa: S608 - columns
        {"id": budget_id},
    )
    if not rows:
        raise missing(field, f"budget {budget_id!r}")
    return budget_from_row(rows[0])


async def _write(change: Change, budget: Budget) -> None:
    await change.transaction.execute(
        f"INSERT INTO budgets ({BUDGET_COLUMNS}, revision)"  # noqa: S608 - columns
        " VALUES (:id, :caller, :tag, :period, :time_zone, :limit, :is_warning_only, :raised_by, :raised_until,"
        " :created_at, :revision)"
        " ON CONFLICT (id) DO UPDATE SET period = excluded.period, time_zone = excluded.time_zone,"
        " limit_nano_usd = excluded.limit_nano_usd, is_warning_only = excluded.is_warning_only,"
        " raised_by_nano_usd = excluded.raised_by_nano_usd, raised_until = excluded.raised_until,"
        " revision = excluded.revision",
        {
            "id": budget.id,
            "caller": budget.caller,
            "tag": budget.tag,
            "period": budget.period.value,
            "time_zone": budget.time_zone,
            "limit": budget.limit_nano_usd,
            "is_warning_only": int(budget.is_warning_only),
            "raised_by": budget.raised_by_nano_usd,
            "raised_until": optional_to_us(budget.raised_until),
            "created_at": optional_to_us(budget.created_at),
            "revision": change.revision,
        },
    )


async def _count(change: Change, budget: Budget, earlier: EarlierCalls | None) -> None:
    """Replaces the budget's windows by its current one, and counts the calls that belong in it."""
    transaction = change.transaction
    accounts = below(budget.caller, await parents(transaction)) if budget.caller else frozenset[str]()
    scope = Scope(accounts=accounts, tag=budget.tag)
    window = window_at(budget.period, budget.time_zone, from_us(change.at_us))
    recent_us = change.at_us - RECENT_S * US_PER_S
    calls = await countable(transaction, scope, window, recent_us)
    key = {"budget": budget.id}
    await transaction.execute(
        "DELETE FROM reservations WHERE budget_id = :budget AND call_id IN (SELECT id FROM calls WHERE state = 'open')",
        key,
    )
    await transaction.execute("DELETE FROM windows WHERE budget_id = :budget", key)
    await transaction.execute(
        "INSERT INTO windows (budget_id, starts_at, ends_at, spent_nano_usd, reserved_nano_usd)"
        " VALUES (:budget, :starts_at, :ends_at, :spent, :reserved)",
        {
            "budget": budget.id,
            "starts_at": window.starts_at,
            "ends_at": window.ends_at,
            "spent": min(await charged(transaction, scope, window, earlier), MOST_SUM),
            "reserved": min(sum(reserved for _, reserved in calls), MOST_SUM),
        },
    )
    await transaction.execute_many(
        "INSERT INTO reservations (call_id, budget_id, window_start) VALUES (:call, :budget, :start)"
        " ON CONFLICT (call_id, budget_id) DO UPDATE SET window_start = excluded.window_start",
        [{"call": call, "budget": budget.id, "start": window.starts_at} for call, _ in calls],
    )
    await transaction.execute(
        "UPDATE budgets SET counted_at = :at, counted_accounts = :accounts WHERE id = :budget",
        key | {"at": recent_us, "accounts": json_text(sorted(scope.accounts))},
    )


async def _with_windows(transaction: Transaction, budgets: Sequence[Budget], now: datetime) -> Sequence[Budget]:
    """Returns the budgets with the amounts of their current windows, and without raises that have ended."""
    rows = await transaction.fetch(
        "SELECT budget_id, starts_at, spent_nano_usd, reserved_nano_usd FROM windows"
        " WHERE budget_id IN :ids AND starts_at <= :at AND (ends_at IS NULL OR ends_at > :at)",
        {"ids": [budget.id for budget in budgets], "at": to_us(now)},
    )
    found = {(key, starts_us): (spent, reserved) for key, starts_us, spent, reserved in rows}
    shown = []
    for budget in budgets:
        window = window_at(budget.period, budget.time_zone, now)
        spent, reserved = found.get((budget.id, window.starts_at), (0, 0))
        shown.append(
            replace(
                budget if budget.is_raised(now) else replace(budget, raised_by_nano_usd=0, raised_until=None),
                spent_nano_usd=spent,
                reserved_nano_usd=reserved,
                starts_at=None if budget.period is Period.TOTAL else from_us(window.starts_at),
                resets_at=optional_from_us(window.ends_at),
            )
        )
    return shown


def _shown(budget: Budget) -> dict[str, object]:
    return {
        "id": budget.id,
        "period": budget.period.value,
        "time_zone": budget.time_zone,
        "limit_nano_usd": budget.limit_nano_usd,
        "is_warning_only": budget.is_warning_only,
        "raised_by_nano_usd": budget.raised_by_nano_usd,
        "raised_until": budget.raised_until,
    }
