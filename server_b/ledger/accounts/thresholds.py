"""Alerts for thresholds that a change of a budget passes: those that calls pass are noticed where calls are charged."""

from __future__ import annotations

from llm_relay.messages.accounts import Budget
from server_b.ledger.accounts.changes import Change
from server_b.ledger.times import from_us


async def notice(change: Change, budget: Budget, *, starts_at: int, spent: int) -> None:
    """Has thresholds told that what was spent in a window has reached, once each."""
    limit = budget.limit_at(from_us(change.at_us))
    await change.transaction.execute_many(
        "INSERT INTO alerts (budget_id, window_start, threshold, spent_nano_usd, limit_nano_usd, made_at, try_at)"
        " VALUES (:budget, :start, :threshold, :spent, :limit, :now, :now)"
        " ON CONFLICT (budget_id, window_start, threshold) DO NOTHING",
        [
            {
                "budget": budget.id,
                "start": starts_at,
                "threshold": threshold,
                "spent": spent,
                "limit": limit,
                "now": change.at_us,
            }
            for threshold in change.thresholds
            if 0 < threshold * limit <= spent * 100
        ],
    )
