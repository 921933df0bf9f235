"""The reports of a ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime

from llm_relay.messages.accounts import CallQuery, CallsPage, UsageGroup, UsageQuery
from server_b.ledger.base import LiveCalls
from server_b.ledger.call_queries import list_calls
from server_b.ledger.reports.following import Following
from server_b.ledger.reports.usage import groups_of, read_usage
from server_b.ledger.transactions import Store

MANY_ROWS = 500


class StoredReports:
    """Usage and calls in a store. See `server_b.ledger.base.Reports`."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        """Reads on other connections than the writer's. `now` is the clock of the start times of calls."""
        self._store = store
        self._now = now
        self._following = Following(store, now)

    async def usage(self, query: UsageQuery) -> Sequence[UsageGroup]:
        """Adds up calls, ordered by group; without groups, one row."""
        now = self._now()
        rows = await self._store.read(lambda transaction: read_usage(transaction, query, now))
        if len(rows) < MANY_ROWS:
            return groups_of(query, rows)
        return await asyncio.to_thread(groups_of, query, rows)  # keeps the event loop free for calls

    async def calls(self, query: CallQuery) -> CallsPage:
        """Lists calls with their attempts."""
        return await self._store.read(lambda transaction: list_calls(transaction, query))

    def follow(self) -> AsyncGenerator[LiveCalls, None]:
        """Yields calls as they begin and end."""
        return self._following.follow()

    async def aclose(self) -> None:
        """Ends following."""
        await self._following.aclose()
