"""Adds up what the calls with a tag were charged, ahead of the change that needs the sum.

There may be millions of them, and no call begins or ends during a change. So they are read on a snapshot first.
The change itself reads only what may differ by then: calls that began recently, and calls that were running.
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
    """What was counted on the snapshot."""

    tag: str
    window: Window
    before_us: int
    """The calls that began before this time were counted."""
    charged_nano_usd: int
    open_calls: tuple[str, ...]
    """The counted calls that were still running, and so had been charged nothing."""
    adjustments: int
    """How many corrections there were. A later one may concern a counted call."""


async def count_earlier(transaction: Transaction, tag: str, window: Window, before_us: int) -> EarlierCalls:
    """Adds up what the calls with a tag in a window were charged, if they began before `before_us`."""
    params = _params(tag, window.starts_at, min(before_us, _end(window)))
    total = await transaction.fetch(f"{_SUM} {_IN_WINDOW}", params)
    running = await transaction.fetch(
        f"SELECT id FROM calls WHERE state = 'open' AND {_IN_WINDOW}",  # noqa: S608 - of this file
        params,
    )
    adjustments = await transaction.fetch(_CHANGED)
    return EarlierCalls(tag, window, before_us, total[0][0] or 0, tuple(row[0] for row in running), adjustments[0][0])


async def charged_with_tag(transaction: Transaction, tag: str, window: Window, earlier: EarlierCalls | None) -> int:
    """Returns the total charged for the calls with a tag in a window. `earlier` saves reading most of them."""
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
