"""Alerts for thresholds that a change to a budget passes. `books.budget_windows` notices those that calls pass."""

from __future__ import annotations

from llm_relay.messages.accounts import Budget
from server_b.ledger.accounts.changes import Change
from server_b.ledger.times import from_us


async def notice(change: Change, budget: Budget, *, starts_at: int, spent: int) -> None:
    """Queues an alert for each threshold that the spending of a window has reached, once per threshold."""
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
