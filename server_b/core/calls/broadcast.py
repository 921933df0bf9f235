"""A broadcast: tasks wait for it, and all of them go on when it is made. Those who wait later wait for the next one."""

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
        """Lets every task go on that waits now."""
        if not self._futures:
            return
        futures, self._futures = self._futures, []
        for future in futures:
            if not future.done():  # a task that was cancelled no longer waits
                future.set_result(None)
