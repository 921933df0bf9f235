"""A condition without a lock: `wake` resumes every task that waits now. Tasks that wait later need the next `wake`."""

from __future__ import annotations

import asyncio


class Broadcast:
    """Wakes all tasks that wait for the next change of something."""

    __slots__ = ("_futures",)

    def __init__(self) -> None:
        self._futures: list[asyncio.Future[None]] = []

    async def wait(self) -> None:
        """Waits until the next `wake`."""
        future = asyncio.get_running_loop().create_future()
        self._futures.append(future)
        await future

    def wake(self) -> None:
        """Resumes every task that waits now."""
        if not self._futures:
            return
        futures, self._futures = self._futures, []
        for future in futures:
            if not future.done():  # a task that was cancelled no longer waits
                future.set_result(None)
