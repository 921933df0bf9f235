"""The changes of a transaction to budget windows, and the alerts for the thresholds that it passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llm_relay.errors import BudgetExceeded
from llm_relay.messages.accounts import Budget
from server_b.ledger.entries import MOST_SUM
from server_b.ledger.times import optional_from_us, to_us
from server_b.ledger.transactions import Query, Row, Transaction
from server_b.ledger.windows import Window

_READ = (
    "SELECT budget_id, starts_at, ends_at, spent_nano_usd, reserved_nano_usd FROM windows"
    " WHERE budget_id IN :budgets AND starts_at IN :starts ORDER BY budget_id, starts_at FOR UPDATE"
)
_ENSURE = (
    "INSERT INTO windows (budget_id, starts_at, ends_at) VALUES (:budget_id, :starts_at, :ends_at)"
    " ON CONFLICT (budget_id, starts_at) DO NOTHING"
)
_WRITE = (
    "UPDATE windows SET spent_nano_usd = :spent, reserved_nano_usd = :reserved"
    " WHERE budget_id = :budget_id AND starts_at = :starts_at"
)
_ALERT = (
    "INSERT INTO alerts (budget_id, window_start, threshold, spent_nano_usd, limit_nano_usd, made_at, try_at)"
    " VALUES (:budget_id, :window_start, :threshold, :spent, :limit, :now, :now)"
    " ON CONFLICT (budget_id, window_start, threshold) DO NOTHING"
)

WindowKey = tuple[str, int]
"""A budget's id, and the start of its window."""


@dataclass(slots=True)
class _Open:
    """A window that this transaction has locked."""

    ends_at: int | None
    spent: int
    reserved: int
    spent_before: int
    is_changed: bool = False


async def ensure_windows(transaction: Transaction, windows: Mapping[WindowKey, Window]) -> None:
    """Creates the missing rows of windows, always in the same order."""
    await transaction.execute_many(
        _ENSURE,
        [
            {"budget_id": budget_id, "starts_at": starts_at, "ends_at": window.ends_at}
            for (budget_id, starts_at), window in sorted(windows.items(), key=lambda item: item[0])
        ],
    )


class BudgetWindows:
    """The windows that one transaction uses, locked until its end."""

    def __init__(self) -> None:
        """Starts without windows."""
        self._windows: dict[WindowKey, _Open] = {}

    @staticmethod
    def query(keys: Iterable[WindowKey]) -> Query:
        """Returns the statement whose rows `take` reads. It locks the windows, and possibly some others."""
        budgets, starts = {key[0] for key in keys}, {key[1] for key in keys}
        return _READ, {"budgets": sorted(budgets), "starts": sorted(starts)}

    def take(self, rows: list[Row]) -> None:
        """Reads the rows of `query`."""
        for row in rows:
            self._windows.setdefault((row[0], row[1]), _Open(row[2], row[3], row[4], row[3]))

    def missing(self, keys: Iterable[WindowKey]) -> set[WindowKey]:
        """Returns the keys that have not been read."""
        return {key for key in keys if key not in self._windows}

    def check(self, budget: Budget, starts_at: int, nano_usd: int, now: datetime) -> None:
        """Raises BudgetExceeded if a window has no room for a call. A call that costs nothing always has room."""
        window = self._windows[budget.id, starts_at]
        limit = budget.limit_at(now)
        if not budget.is_warning_only and nano_usd > 0 and window.spent + window.reserved + nano_usd > limit:
            raise BudgetExceeded(
                scope=budget.scope,
                limit_nano_usd=limit,
                spent_nano_usd=window.spent,
                reserved_nano_usd=window.reserved,
                resets_at=optional_from_us(window.ends_at),
            )

    def add(self, keys: Iterable[WindowKey], *, reserved: int = 0, spent: int = 0) -> None:
        """Adds amounts to windows. Amounts may be negative."""
        for key in keys:
            window = self._windows.get(key)
            if window is not None:
                window.reserved = max(0, min(window.reserved + reserved, MOST_SUM))  # after a cut, more is released
                window.spent = min(window.spent + spent, MOST_SUM)
                window.is_changed = True

    async def write(
        self,
        transaction: Transaction,
        budget_of: Callable[[str], Budget | None],
        thresholds: Sequence[int],
        now: datetime,
    ) -> None:
        """Writes the windows that have changed."""
        if not self._windows:
            return
        changed = [(key, window) for key, window in sorted(self._windows.items()) if window.is_changed]
        await transaction.execute_many(
            _WRITE,
            [
                {"spent": window.spent, "reserved": window.reserved, "budget_id": key[0], "starts_at": key[1]}
                for key, window in changed
            ],
        )
        alerts: list[dict[str, Any]] = []
        for (budget_id, starts_at), window in sorted(self._windows.items()):
            if (budget := budget_of(budget_id)) is not None:
                alerts += _alerts(budget, starts_at, window, thresholds, now)
        await transaction.execute_many(_ALERT, alerts)


def _alerts(
    budget: Budget, starts_at: int, window: _Open, thresholds: Sequence[int], now: datetime
) -> Iterator[dict[str, Any]]:
    """Yields an alert for each threshold that the window has passed now.

    When a raise of the limit ends, thresholds are passed without a charge. Then it yields an alert for each threshold
    that is reached. Alerts that exist already stay as they are.
    """
    has_raise_ended = budget.raised_until is not None and not budget.is_raised(now)
    before = 0 if has_raise_ended else window.spent_before
    if window.spent <= before:
        return
    limit = budget.limit_at(now)
    for threshold in thresholds:
        if before * 100 < threshold * limit <= window.spent * 100:
            yield {
                "budget_id": budget.id,
                "window_start": starts_at,
                "threshold": threshold,
                "spent": window.spent,
                "limit": limit,
                "now": to_us(now),
            }
