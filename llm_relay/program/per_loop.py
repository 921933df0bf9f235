"""One resource for each event loop, closed when the loop ends, for coroutines that may run on any loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerLoop(Generic[T]):
    """Opens a resource at its first use on an event loop; `asyncio.run` and `asyncio.Runner` close it at their end.

    The end of a loop has one documented hook: `loop.shutdown_asyncgens` closes the asynchronous generators that
    were started on it. So a generator holds the resource.
    """

    def __init__(self, open_: Callable[[], AsyncGenerator[T, None]]) -> None:
        """`open_` yields the resource once and closes it when it is closed itself.

        It must not wait before it yields, or two callers would open two resources. It must not yield inside another
        generator's `async with`, because both would be closed at the same time.
        """
        self._open = open_
        self._opened: dict[asyncio.AbstractEventLoop, tuple[T, AsyncGenerator[T, None]]] = {}

    async def get(self) -> T:
        """Returns this loop's resource; raises what opening it raises."""
        loop = asyncio.get_running_loop()
        if loop not in self._opened:
            for ended in [ended for ended in self._opened if ended.is_closed()]:
                del self._opened[ended]
            holder = self._open()
            self._opened[loop] = (await anext(holder), holder)
        return self._opened[loop][0]
