"""Blocking calls beside the event loop: each in a thread of a bounded pool, each cut when nobody waits any more."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent import futures
from typing import Any, Generic, TypeVar

from llm_relay.errors import ProviderUnavailable
from server_b.providers.bedrock.line import Line

MAX_AHEAD = 65_536
"""How far a thread may run ahead of the event loop, in units of an item's size."""
CLOSE_PATIENCE_S = 2.0

T = TypeVar("T")


class Threads:
    """Runs blocking work whose connections come from a cuttable client."""

    def __init__(self, limit: int) -> None:
        """`limit` threads at most, each made when it is first needed; further work waits for one."""
        self._pool = futures.ThreadPoolExecutor(limit, thread_name_prefix="bedrock")
        self._running: dict[futures.Future[Any], Callable[[], None]] = {}

    async def run(self, work: Callable[[], T]) -> T:
        """Does the work in a thread; cancelling the task closes the work's connection at once."""
        line = Line()
        try:
            return await asyncio.wrap_future(self._start(functools.partial(line.carry, work), line.cut))
        finally:
            line.cut()

    async def pour(
        self, source: Callable[[], Generator[T, None, None]], *, size: Callable[[T], int]
    ) -> AsyncGenerator[list[T], None]:
        """Iterates over the source in a thread and yields what has gathered each time, never nothing.

        The thread stops for as long as MAX_AHEAD or more, by `size`, is not taken. Closing the generator closes
        the source's connection at once.
        """
        feed = Feed(size)
        done = asyncio.wrap_future(self._start(functools.partial(feed.fill, source), feed.cut))
        done.add_done_callback(feed.end)
        try:
            ended = False
            while not ended:
                await feed.stirred()
                ended = done.done()
                if items := feed.take():
                    yield items
            await done
        finally:
            done.cancel()
            feed.cut()

    def _start(self, work: Callable[[], T], cut: Callable[[], None]) -> futures.Future[T]:
        future = self._pool.submit(work)
        self._running[future] = cut
        future.add_done_callback(self._running.pop)
        return future

    async def close(self) -> None:
        """Cuts what still runs and ends the threads; CLOSE_PATIENCE_S at most, where one is busy connecting."""
        running = self._running.copy()
        for cut in running.values():
            cut()
        _, late = await asyncio.to_thread(futures.wait, running, CLOSE_PATIENCE_S)
        self._pool.shutdown(wait=not late)


class Feed(Generic[T]):
    """Carries items from one thread to the event loop, which takes all that have gathered."""

    def __init__(self, size: Callable[[T], int]) -> None:
        self._size = size
        self._line = Line()
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._changed = threading.Condition()
        self._items: list[T] = []
        self._ahead = 0
        self._is_cut = False

    def fill(self, source: Callable[[], Generator[T, None, None]]) -> None:
        """Puts in whatever the source yields, in this thread; raises what the source raises."""
        self._line.carry(functools.partial(self._fill, source))

    def _fill(self, source: Callable[[], Generator[T, None, None]]) -> None:
        with contextlib.closing(source()) as items:
            for item in items:
                self._put(item)

    def _put(self, item: T) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ahead < MAX_AHEAD or self._is_cut)
            if self._is_cut:
                raise ProviderUnavailable  # seen by nobody unless the provider itself is being closed
            self._items.append(item)
            self._ahead += self._size(item)
            is_first = len(self._items) == 1
        if is_first:
            self._loop.call_soon_threadsafe(self._ready.set)

    async def stirred(self) -> None:
        """Waits for items or for the end."""
        await self._ready.wait()
        self._ready.clear()

    def take(self) -> list[T]:
        """Takes all there is, which makes room for as much."""
        with self._changed:
            items, self._items, self._ahead = self._items, [], 0
            self._changed.notify()
        return items

    def end(self, done: asyncio.Future[None]) -> None:
        """Wakes the event loop for the last time; `done` tells how the source ended."""
        if not done.cancelled():
            done.exception()  # asked for here: when nobody waits any more, nobody else will
        self._ready.set()

    def cut(self) -> None:
        """Closes the source's connection, and ends the thread if it waits for room."""
        with self._changed:
            self._is_cut = True
            self._changed.notify()
        self._line.cut()
