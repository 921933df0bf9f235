"""Counts the calls that belong in the window of a budget that is new, or has a new period."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from server_b.ledger.accounts.earlier_calls import FOREVER_US, EarlierCalls, charged_with_tag
from server_b.ledger.tag_search import has_tag
from server_b.ledger.times import US_PER_HOUR
from server_b.ledger.transactions import Transaction
from server_b.ledger.windows import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which calls a budget counts."""

    accounts: frozenset[str] = frozenset()
    """A caller and the callers below it."""
    tag: str = ""
    """`key=value`; empty: `accounts` decide."""

    def has(self, account: str, tags: str) -> bool:
        """Returns whether a call with this account and these tags, as JSON, counts."""
        return has_tag(tags, self.tag) if self.tag else account in self.accounts


async def charged(transaction: Transaction, scope: Scope, window: Window, earlier: EarlierCalls | None) -> int:
    """Returns the total charged for the calls that began in a window and have ended.

    `earlier` is what was counted in advance for a tag; None: nothing.
    """
    if scope.tag:
        return await charged_with_tag(transaction, scope.tag, window, earlier)
    starts_us, ends_us = window.starts_at, FOREVER_US if window.ends_at is None else window.ends_at
    accounts = sorted(scope.accounts)
    first_hour = -(-starts_us // US_PER_HOUR) * US_PER_HOUR
    whole = await _sum(
        transaction,
        "SELECT CAST(SUM(charged_nano_usd) AS BIGINT) FROM usage_hours"
        " WHERE hour >= :since AND hour < :until AND account IN :accounts",
        {"since": first_hour, "until": ends_us // US_PER_HOUR * US_PER_HOUR, "accounts": accounts},
    )
    return whole + sum(
        [
            await _sum(
                transaction,
                "SELECT CAST(SUM(charged_nano_usd) AS BIGINT) FROM calls"
                " WHERE started_at >= :since AND started_at < :until AND account IN :accounts",
                {"since": since, "until": until, "accounts": accounts},
            )
            for since, until in ((starts_us, first_hour), (ends_us // US_PER_HOUR * US_PER_HOUR, ends_us))
            if since < until
        ]
    )


async def countable(
    transaction: Transaction, scope: Scope, window: Window, recent_us: int
) -> Collection[tuple[str, int]]:
    """Returns the calls that need a row in `reservations`, each with the amount reserved for it.

    These are the calls that may still be settled, and those that began at `recent_us` or later: their start times
    alone do not show whether they began before the budget, because the clocks of servers differ.
    """
    rows = await transaction.fetch(
        "SELECT id, account, tags, reserved_nano_usd, started_at FROM calls WHERE state = 'open' UNION ALL"
        " SELECT id, account, tags, 0, started_at FROM calls"
        " WHERE nano_usd IS NULL AND state IN ('settled', 'lost') AND state = 'lost' AND started_at >= :since UNION ALL"
        " SELECT id, account, tags, 0, started_at FROM calls WHERE state IN ('settled', 'lost')"
        " AND started_at >= :recent AND (state = 'settled' OR nano_usd IS NOT NULL)",
        {"since": window.starts_at, "recent": recent_us},
    )
    return [
        (key, reserved or 0)
        for key, account, tags, reserved, started_at in rows
        if window.has(started_at) and scope.has(account, tags)
    ]


async def _sum(transaction: Transaction, sql: str, params: dict[str, object]) -> int:
    [[total]] = await transaction.fetch(sql, params)
    return total or 0
