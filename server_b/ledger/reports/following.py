"""Follows the calls of every server of a ledger: one poll a few times a second, shared by all followers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from llm_relay.errors import LedgerUnavailable, Overloaded
from llm_relay.messages.accounts import CallEntry, CallState
from server_b.ledger.base import LiveCalls
from server_b.ledger.call_rows import COLUMNS, entry, with_attempts
from server_b.ledger.times import US_PER_S, to_us
from server_b.ledger.transactions import Store, Transaction

POLL_S = 0.3
SILENCE_S = 0.5
"""How long a follower waits for a poll before it is given the last one again, in seconds."""
MOST_LATE_S = 10
"""How long after its start a call may be written, and how far the clocks of two servers may differ, in seconds."""
MOST_WAITING = 10_000
"""The most calls that wait for a slow follower, about 2 KiB each. All followers wait for the same calls."""
MOST_AT_ONCE = 100
"""The most calls that a follower takes at once. Until it has read them, it alone keeps them in memory."""
_NEWEST = "SELECT id, state FROM calls WHERE started_at >= :since"
_OPEN = "SELECT id, state, caller FROM calls WHERE state = 'open'"


class Following:
    """Polls a ledger as long as somebody follows it."""

    def __init__(self, store: Store, now: Callable[[], datetime], *, most_waiting: int = MOST_WAITING) -> None:
        """`now` is the clock of the start times of calls. At most `most_waiting` calls wait for a slow follower."""
        self._store = store
        self._now = now
        self._most_waiting = most_waiting
        self._followers: set[_Follower] = set()
        self._polling: asyncio.Task[None] | None = None
        self._running: Mapping[str, int] | None = None
        self._is_closed = False

    async def follow(self) -> AsyncGenerator[LiveCalls, None]:
        """Yields which calls are running, then each change. See `server_b.ledger.base.Reports`."""
        with self._follower() as follower:
            while True:
                yield await follower.next()

    async def aclose(self) -> None:
        """Stops polling. Whoever still follows, or begins to, gets LedgerUnavailable."""
        self._is_closed = True
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.wait([self._polling])

    @contextmanager
    def _follower(self) -> Iterator[_Follower]:
        if self._is_closed:
            raise LedgerUnavailable
        follower = _Follower(self._most_waiting)
        self._followers.add(follower)
        if self._polling is None:
            self._polling = asyncio.create_task(self._poll())
            self._polling.add_done_callback(self._note_end)
        elif self._running is not None:
            follower.tell(self._running, ())
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    async def _poll(self) -> None:
        states, polled_us = None, to_us(self._now())
        while self._followers:
            since_us, polled_us = polled_us - MOST_LATE_S * US_PER_S, to_us(self._now())
            look = await self._store.read(partial(_look, since_us=since_us, before=states))
            states, self._running = look.states, look.running
            for follower in self._followers:
                follower.tell(look.running, look.changed)
            await asyncio.sleep(POLL_S)
        self._polling = self._running = None

    def _note_end(self, polling: asyncio.Task[None]) -> None:
        error = LedgerUnavailable() if polling.cancelled() else polling.exception()
        if error is not None:
            self._polling = self._running = None
            for follower in self._followers:
                follower.end(error)


class _Follower:
    """The changes that a follower has not taken yet."""

    def __init__(self, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        self._running: Mapping[str, int] | None = None
        self._changed: list[CallEntry] = []
        self._error: BaseException | None = None
        self._news = asyncio.Event()

    def tell(self, running: Mapping[str, int], changed: Sequence[CallEntry]) -> None:
        """Adds what a poll found."""
        if self._changed and len(self._changed) + len(changed) > self._most_waiting:
            self.end(Overloaded(f"{self._most_waiting} calls were waiting, because you read too slowly; watch again"))
        if self._error is None:
            self._running = running
            self._changed.extend(changed)
            self._news.set()

    def end(self, error: BaseException) -> None:
        """Makes `next` raise the error."""
        self._error = error
        self._changed.clear()
        self._news.set()

    async def next(self) -> LiveCalls:
        """Waits for a poll, and returns what changed since the last time, in parts."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None if self._running is None else SILENCE_S):
                await self._news.wait()
        if self._error is not None:
            raise self._error
        changed, self._changed = tuple(self._changed[:MOST_AT_ONCE]), self._changed[MOST_AT_ONCE:]
        if not self._changed:
            self._news.clear()
        return LiveCalls(running=self._running or {}, changed=changed)


@dataclass(frozen=True, slots=True)
class _Look:
    """What one poll found."""

    states: Mapping[str, str]
    """The states of the calls that are open, or could still appear as new."""
    running: Mapping[str, int]
    changed: Sequence[CallEntry] = ()


async def _look(transaction: Transaction, *, since_us: int, before: Mapping[str, str] | None) -> _Look:
    newest, open_calls = await transaction.fetch_each([(_NEWEST, {"since": since_us}), (_OPEN, {})])
    states = dict([*newest, *((key, state) for key, state, _ in open_calls)])
    running = Counter(caller for _, _, caller in open_calls)
    if before is None:
        return _Look(states, running)
    ended = [key for key, state in before.items() if state == CallState.OPEN.value and key not in states]
    changed = [key for key, state in states.items() if before.get(key) != state]
    return _Look(states, running, await _entries(transaction, [*ended, *changed]))


async def _entries(transaction: Transaction, ids: Sequence[str]) -> Sequence[CallEntry]:
    if not ids:
        return ()
    rows = await transaction.fetch(
        f"SELECT {COLUMNS} FROM calls WHERE id IN :ids ORDER BY started_at, id",  # noqa: S608 - columns
        {"ids": ids},
    )
    return await with_attempts(transaction, [entry(row) for row in rows])
