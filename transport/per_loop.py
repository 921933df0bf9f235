"""One resource for each event loop, closed when its loop ends: for coroutines that are called from anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

T = TypeVar("T")


class PerLoop(Generic[T]):
    """Opens a resource at its first use on an event loop; `asyncio.run` and `asyncio.Runner` close it at their end.

    The end of a loop has one documented hook: `shutdown_asyncgens` closes the asynchronous generators that were
    begun on it. So the resource lives inside one.
    """

    def __init__(self, open_: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        """`open_` is called once a loop. Entering what it returns must not wait, or two callers would open two."""
        self._open = open_
        self._opened: dict[asyncio.AbstractEventLoop, tuple[T, AsyncGenerator[T, None]]] = {}

    async def get(self) -> T:
        """Returns this loop's resource; raises what opening it raises."""
        loop = asyncio.get_running_loop()
        if loop not in self._opened:
            self._forget_closed_loops()
            holder = self._hold(loop)
            self._opened[loop] = (await anext(holder), holder)
        return self._opened[loop][0]

    async def _hold(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[T, None]:
        try:
            async with self._open() as resource:
                yield resource
        finally:
            self._opened.pop(loop, None)

    def _forget_closed_loops(self) -> None:
        """Forgets loops that were closed without shutting down their generators."""
        for loop in [loop for loop in self._opened if loop.is_closed()]:
            del self._opened[loop]
