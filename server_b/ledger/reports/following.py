"""Follows the calls of every server of a ledger, by looking at the newest and at the open ones a few times a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from llm_relay.messages.accounts import CallEntry, CallState
from server_b.ledger.call_rows import COLUMNS, entry, with_attempts
from server_b.ledger.times import US_PER_S, to_us
from server_b.ledger.transactions import Store, Transaction

POLL_S = 0.3
MOST_LATE_S = 10
"""How late a call may be written after its beginning, and how far the clocks of two servers may differ."""
_NEWEST = "SELECT id, state FROM calls WHERE started_at >= :since"
_OPEN = "SELECT id, state FROM calls WHERE state = 'open'"


async def follow(store: Store, since: datetime) -> AsyncIterator[CallEntry]:
    """Yields each call that begins from `since` on, and each that ends; one that did both since the last look, once."""
    since_us = to_us(since)
    look = await store.read(lambda transaction: _first_look(transaction, since_us))
    while True:
        for call in look.changed:
            yield call
        await asyncio.sleep(POLL_S)
        states = look.states
        look = await store.read(lambda transaction, states=states: _next_look(transaction, states))  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found at one time."""

    states: dict[str, str] = field(default_factory=dict)
    """Of the calls that are open, or could still appear as new."""
    changed: Sequence[CallEntry] = ()


async def _first_look(transaction: Transaction, since_us: int) -> _Look:
    states = await _states(transaction)
    newest = await transaction.fetch("SELECT id FROM calls WHERE started_at >= :since", {"since": since_us})
    return _Look(states, await _entries(transaction, [row[0] for row in newest]))


async def _next_look(transaction: Transaction, before: dict[str, str]) -> _Look:
    states = await _states(transaction)
    ended = [key for key, state in before.items() if state == CallState.OPEN.value and key not in states]
    changed = [key for key, state in states.items() if before.get(key) != state]
    return _Look(states, await _entries(transaction, [*ended, *changed]))


async def _states(transaction: Transaction) -> dict[str, str]:
    [[now_us]] = await transaction.fetch("SELECT now_us()")
    since = now_us - MOST_LATE_S * US_PER_S
    newest, open_calls = await transaction.fetch_each([(_NEWEST, {"since": since}), (_OPEN, {})])
    return dict([*newest, *open_calls])


async def _entries(transaction: Transaction, ids: Sequence[str]) -> Sequence[CallEntry]:
    if not ids:
        return ()
    rows = await transaction.fetch(
        f"SELECT {COLUMNS} FROM calls WHERE id IN :ids ORDER BY started_at, id",  # noqa: S608 - columns
        {"ids": ids},
    )
    return await with_attempts(transaction, [entry(row) for row in rows])
