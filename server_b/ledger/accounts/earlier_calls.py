"""Adds up what the calls with a tag were charged, before the change that needs it.

There may be millions of them, and while a change is made no call begins or ends. So they are read on a snapshot
first. The change itself reads what may be different by then: what began lately, and what was running.
"""

from __future__ import annotations

from dataclasses import dataclass

from server_b.ledger.tag_search import HAS_TAG, tag_params
from server_b.ledger.transactions import Transaction
from server_b.ledger.windows import Window

FOREVER_US = 2**62
"""Later than every call."""
_SUM = "SELECT CAST(SUM(charged_nano_usd) AS BIGINT) FROM calls WHERE"
_IN_WINDOW = f"started_at >= :since AND started_at < :until AND {HAS_TAG}"
_CHANGED = "SELECT COUNT(*) FROM adjustments"


@dataclass(frozen=True, slots=True)
class EarlierCalls:
    """What was counted on a snapshot."""

    tag: str
    window: Window
    before_us: int
    """Calls that began before this are in it."""
    charged_nano_usd: int
    open_calls: tuple[str, ...]
    """Those of them that were running: they were charged nothing yet."""
    adjustments: int
    """How many corrections there were; another one may be of these calls."""


async def count_earlier(transaction: Transaction, tag: str, window: Window, before_us: int) -> EarlierCalls:
    """Adds up what the calls in a window that began before `before_us` were charged."""
    params = _params(tag, window.starts_at, min(before_us, _end(window)))
    total = await transaction.fetch(f"{_SUM} {_IN_WINDOW}", params)
    running = await transaction.fetch(
        f"SELECT id FROM calls WHERE state = 'open' AND {_IN_WINDOW}",  # noqa: S608 - of this file
        params,
    )
    adjustments = await transaction.fetch(_CHANGED)
    return EarlierCalls(tag, window, before_us, total[0][0] or 0, tuple(row[0] for row in running), adjustments[0][0])


async def charged_with_tag(transaction: Transaction, tag: str, window: Window, earlier: EarlierCalls | None) -> int:
    """Returns what the calls with a tag in a window were charged, with the help of what was counted before."""
    if earlier is None or (earlier.tag, earlier.window) != (tag, window):
        return await _charged(transaction, tag, window.starts_at, _end(window))
    if (await transaction.fetch(_CHANGED))[0][0] != earlier.adjustments:
        return await _charged(transaction, tag, window.starts_at, _end(window))
    since = max(window.starts_at, earlier.before_us)
    ended = await transaction.fetch(f"{_SUM} id IN :ids", {"ids": list(earlier.open_calls)})
    return earlier.charged_nano_usd + (ended[0][0] or 0) + await _charged(transaction, tag, since, _end(window))


async def _charged(transaction: Transaction, tag: str, since: int, until: int) -> int:
    rows = await transaction.fetch(f"{_SUM} {_IN_WINDOW}", _params(tag, since, until))
    return rows[0][0] or 0


def _params(tag: str, since: int, until: int) -> dict[str, object]:
    return {"since": since, "until": until, **tag_params(tag)}


def _end(window: Window) -> int:
    return FOREVER_US if window.ends_at is None else window.ends_at
