"""Follows the calls of every server of a ledger: polls the newest and the open ones a few times a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from llm_relay.messages.accounts import CallEntry, CallState
from server_b.ledger.call_rows import COLUMNS, entry, with_attempts
from server_b.ledger.times import US_PER_S, to_us
from server_b.ledger.transactions import Store, Transaction

POLL_S = 0.3
MOST_LATE_S = 10
"""How long after its start a call may be written, and how far the clocks of two servers may differ, in seconds."""
_NEWEST = "SELECT id, state FROM calls WHERE started_at >= :since"
_OPEN = "SELECT id, state FROM calls WHERE state = 'open'"


def follow(store: Store, now: Callable[[], datetime]) -> AsyncIterator[CallEntry]:
    """Yields each call that begins from now on, and each that ends; once if it does both between two polls."""
    return _follow(store, now, now())


async def _follow(store: Store, now: Callable[[], datetime], since: datetime) -> AsyncIterator[CallEntry]:
    look = await store.read(lambda transaction: _first_look(transaction, to_us(now()), to_us(since)))
    while True:
        for call in look.changed:
            yield call
        await asyncio.sleep(POLL_S)
        states, now_us = look.states, to_us(now())
        look = await store.read(
            lambda transaction, states=states, now_us=now_us: _next_look(transaction, now_us, states)  # type: ignore[misc]
        )


@dataclass(frozen=True, slots=True)
class _Look:
    """What one poll found."""

    states: dict[str, str] = field(default_factory=dict)
    """The states of the calls that are open, or could still appear as new."""
    changed: Sequence[CallEntry] = ()


async def _first_look(transaction: Transaction, now_us: int, since_us: int) -> _Look:
    states = await _states(transaction, now_us)
    newest = await transaction.fetch("SELECT id FROM calls WHERE started_at >= :since", {"since": since_us})
    return _Look(states, await _entries(transaction, [row[0] for row in newest]))


async def _next_look(transaction: Transaction, now_us: int, before: dict[str, str]) -> _Look:
    states = await _states(transaction, now_us)
    ended = [key for key, state in before.items() if state == CallState.OPEN.value and key not in states]
    changed = [key for key, state in states.items() if before.get(key) != state]
    return _Look(states, await _entries(transaction, [*ended, *changed]))


async def _states(transaction: Transaction, now_us: int) -> dict[str, str]:
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
