"""Retention: rows of calls are deleted after LEDGER_KEEP_DAYS. Their totals by day stay.

Work is done in small steps with pauses between them, so that no call waits for it. What budgets were charged stays in
their windows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

from llm_relay.errors import LedgerUnavailable
from server_b.ledger.roll_up import Counts, Group, RollUp
from server_b.ledger.times import US_PER_DAY, US_PER_HOUR, to_us
from server_b.ledger.transactions import Store, Transaction

STEP = 50
"""How many calls one step deletes."""
PAUSE_S = 0.05
INTERVAL_S = 600.0
"""How often old rows are deleted, in seconds."""
HOURS_KEPT_DAYS = 40
"""How long usage by the hour is kept at least, in days: longer than the longest window of a budget."""
_NOON_US = 12 * US_PER_HOUR
"""The time at which a day's usage is stored: the same date in all time zones except those beyond UTC+12."""
_KEY = "hours_merged_until"
_GROUP = ", ".join(("hour", *Group._fields[1:]))
_COUNTS = tuple(Counts.__dataclass_fields__)


class Retention:
    """Deletes old rows while the ledger runs. Several servers may do it at once."""

    def __init__(self, store: Store, now: Callable[[], datetime], *, keep_days: int, pause_s: float = PAUSE_S) -> None:
        """`keep_days` is how long the row of a call is kept, 1 or more. Needs a running event loop."""
        self._store = store
        self._now = now
        self._keep_days = keep_days
        self._pause_s = pause_s
        self._task = asyncio.get_running_loop().create_task(self._run(), name="ledger-retention")

    async def aclose(self) -> None:
        """Stops. What is left is deleted after the next start."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            with suppress(LedgerUnavailable):  # the writer of calls logs it
                await remove_old(self._store, self._now(), keep_days=self._keep_days, pause_s=self._pause_s)
            await asyncio.sleep(INTERVAL_S)


async def remove_old(store: Store, now: datetime, *, keep_days: int, pause_s: float = PAUSE_S) -> None:
    """Deletes the calls that began more than `keep_days` days ago, then merges old hours of usage into days."""
    calls_before = to_us(now - timedelta(days=keep_days))
    hours_before = to_us(now - timedelta(days=max(keep_days, HOURS_KEPT_DAYS))) // US_PER_DAY * US_PER_DAY
    await _until_done(store, lambda transaction: _remove_calls(transaction, calls_before), pause_s)
    await _until_done(store, lambda transaction: _merge_hours(transaction, hours_before), pause_s)


async def _until_done(store: Store, step: Callable[[Transaction], Awaitable[bool]], pause_s: float) -> None:
    is_more = True
    while is_more:
        is_more = await store.write(step)
        await asyncio.sleep(pause_s)


async def _remove_calls(transaction: Transaction, before: int) -> bool:
    """Deletes some calls that have ended. Returns False if there are no more."""
    rows = await transaction.fetch(
        "SELECT id FROM calls WHERE started_at < :before AND state <> 'open'"
        " ORDER BY started_at LIMIT :step FOR UPDATE SKIP LOCKED",
        {"before": before, "step": STEP},
    )
    ids = {"ids": [row[0] for row in rows]}
    if rows:
        for table in ("attempts", "reservations", "adjustments"):
            await transaction.execute(f"DELETE FROM {table} WHERE call_id IN :ids", ids)  # noqa: S608 - of this file
        await transaction.execute("DELETE FROM calls WHERE id IN :ids", ids)
    return len(rows) == STEP


async def _merge_hours(transaction: Transaction, before: int) -> bool:
    """Merges some hours of the oldest unmerged day. Returns False if there are no more."""
    known = await transaction.fetch("SELECT value FROM ledger WHERE key = :key", {"key": _KEY})
    rows = await transaction.fetch(
        f"DELETE FROM usage_hours WHERE ({_GROUP}) IN (SELECT {_GROUP} FROM usage_hours"  # noqa: S608 - of this file
        f" WHERE hour >= :since AND hour < :before AND hour % {US_PER_DAY} <> {_NOON_US}"
        f" ORDER BY hour LIMIT :step FOR UPDATE SKIP LOCKED) RETURNING {_GROUP}, {', '.join(_COUNTS)}",
        {"since": known[0][0] if known else 0, "before": before, "step": STEP},
    )
    days = RollUp()
    for row in rows:
        group = Group(*row[: len(Group._fields)])
        noon = group.at // US_PER_DAY * US_PER_DAY + _NOON_US
        day = days.of(noon, *group[1:])
        for name, count in zip(_COUNTS, row[len(Group._fields) :], strict=True):
            setattr(day, name, getattr(day, name) + count)
    await days.write_hours(transaction)  # usage_days has them already
    if len(rows) == STEP:
        return True
    await transaction.execute(
        "INSERT INTO ledger (key, value) VALUES (:key, :before) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        {"key": _KEY, "before": before},
    )
    return False
