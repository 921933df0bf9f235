"""Waiting for the next of many changes: what an asyncio.Event is that is set and cleared at once."""

from __future__ import annotations

import asyncio


class Waiters:
    """Tasks that wait for the same thing, time and again."""

    __slots__ = ("_futures",)

    def __init__(self) -> None:
        self._futures: list[asyncio.Future[None]] = []

    async def wait(self) -> None:
        """Waits until the next `wake`."""
        future = asyncio.get_running_loop().create_future()
        self._futures.append(future)
        await future

    def wake(self) -> None:
        """Lets all go on that wait now."""
        futures, self._futures = self._futures, []
        for future in futures:
            if not future.done():  # who was cancelled has left already
                future.set_result(None)
