"""The outbox: alerts, written in the transaction that passed a threshold, until they are delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llm_relay.messages.accounts import Period
from server_b.ledger.alerts.alert import Alert
from server_b.ledger.policies import BUDGET_COLUMNS, budget_from_row
from server_b.ledger.times import US_PER_S, from_us, optional_from_us
from server_b.ledger.transactions import Transaction

AT_ONCE = 5
"""How many alerts a server claims. It delivers them one after the other, all within CLAIM_S."""
CLAIM_S = 60
"""How long other servers leave claimed alerts alone, in seconds."""
FIRST_RETRY_S = 2.0
LAST_RETRY_S = 600.0
GIVE_UP_AFTER_S = 86_400
_DUE = "sent_at IS NULL AND try_at <= now_us()"
_KEY = "budget_id = :budget_id AND window_start = :window_start AND threshold = :threshold"


@dataclass(frozen=True, slots=True)
class Claimed:
    """An alert that this server is delivering."""

    alert: Alert
    key: dict[str, object]
    tries: int
    """Including this one."""
    is_last: bool
    """Whether the alert is dropped if this delivery fails."""


async def is_due(transaction: Transaction) -> bool:
    """Returns whether an alert is due."""
    return bool(await transaction.fetch(f"SELECT 1 FROM alerts WHERE {_DUE} LIMIT 1"))  # noqa: S608 - of this file


async def claim(transaction: Transaction) -> Sequence[Claimed]:
    """Claims the alerts that are due, oldest first. No other server gets them for CLAIM_S seconds."""
    rows = await transaction.fetch(
        "SELECT budget_id, window_start, threshold, spent_nano_usd, limit_nano_usd, made_at, tries, now_us()"  # noqa: S608
        f" FROM alerts WHERE {_DUE} ORDER BY made_at, budget_id, threshold LIMIT :limit FOR UPDATE SKIP LOCKED",
        {"limit": AT_ONCE},
    )
    claimed = []
    for budget_id, window_start, threshold, spent, limit, made_at, tries, now_us in rows:
        key: dict[str, object] = {"budget_id": budget_id, "window_start": window_start, "threshold": threshold}
        await transaction.execute(
            f"UPDATE alerts SET tries = tries + 1, try_at = :until WHERE {_KEY}",  # noqa: S608 - of this file
            key | {"until": now_us + CLAIM_S * US_PER_S},
        )
        alert = await _alert(transaction, key, made_at, spent=spent, limit=limit)
        claimed.append(Claimed(alert, key, tries + 1, is_last=now_us - made_at > GIVE_UP_AFTER_S * US_PER_S))
    return claimed


async def finish(transaction: Transaction, claimed: Claimed, error: str = "") -> None:
    """Records that an alert was delivered, or was dropped because of `error`."""
    await transaction.execute(
        f"UPDATE alerts SET sent_at = now_us(), last_error = :error WHERE {_KEY}",  # noqa: S608 - of this file
        claimed.key | {"error": error},
    )


async def postpone(transaction: Transaction, claimed: Claimed, error: str) -> None:
    """Records that an alert was not accepted, and when to retry."""
    wait_s = min(LAST_RETRY_S, FIRST_RETRY_S * 2 ** min(claimed.tries - 1, 20))
    await transaction.execute(
        f"UPDATE alerts SET try_at = now_us() + :wait, last_error = :error WHERE {_KEY}",  # noqa: S608 - of this file
        claimed.key | {"wait": int(wait_s * US_PER_S), "error": error},
    )


async def _alert(transaction: Transaction, key: dict[str, object], made_at: int, *, spent: int, limit: int) -> Alert:
    budgets, windows = await transaction.fetch_each(
        [
            (f"SELECT {BUDGET_COLUMNS} FROM budgets WHERE id = :budget_id", key),  # noqa: S608 - columns
            ("SELECT ends_at FROM windows WHERE budget_id = :budget_id AND starts_at = :window_start", key),
        ]
    )
    budget = budget_from_row(budgets[0])
    window_start, threshold = int(str(key["window_start"])), int(str(key["threshold"]))
    return Alert(
        id=f"{budget.id}:{window_start}:{threshold}",
        budget_id=budget.id,
        scope=budget.scope,
        period=budget.period.value,
        time_zone=budget.time_zone,
        threshold_percent=threshold,
        limit_nano_usd=limit,
        spent_nano_usd=spent,
        starts_at=None if budget.period is Period.TOTAL else from_us(window_start),
        resets_at=optional_from_us(windows[0][0]) if windows else None,
        is_warning_only=budget.is_warning_only,
        at=from_us(made_at),
    )
