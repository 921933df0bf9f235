"""An endless series of callers: half of them leave before the end of their answer, one in ten pipelines a request."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.standins.__main__ import SCRIPT
from tests.support.doors import Addresses, Door, open_door
from tests.support.pipelining import PipeliningDoor
from tests.support.refusal import Refusal

DOORS = ("grpc", "http", "mcp-http-legacy", "mcp-http-modern")
CALLERS_A_DOOR = 3
CALLS_A_CLIENT = 50
LEAVE = 1 / 2
PIPELINE = 1 / 10
ANSWER_S = SCRIPT.gap_s * len(SCRIPT.words)
"""The shortest time of an answer. A caller who leaves earlier has left before the end."""
CHANCE = random.SystemRandom()
ANSWERED, LEFT = "answered", "left"


@dataclass
class Callers:
    """The results of the calls so far."""

    at: Addresses
    ends: Counter[str] = field(default_factory=Counter)
    pipelined: int = 0
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def calls(self) -> int:
        return self.ends.total()

    async def until(self, calls: int) -> None:
        """Waits until `calls` calls have ended."""
        while self.calls < calls:
            self._more.clear()
            await self._more.wait()

    async def call_each_once(self) -> None:
        """Makes one call over every interface, so that what the first call opens is open."""
        for name in DOORS:
            async with open_door(name, self.at) as door:
                await door.stream(lambda _: None, message="Hi")

    @contextlib.asynccontextmanager
    async def calling(self) -> AsyncIterator[None]:
        """Calls until the block ends."""
        tasks = [asyncio.create_task(self._call_on(name)) for name in DOORS * CALLERS_A_DOOR]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _call_on(self, name: str) -> None:
        """Makes calls with one client after another."""
        while True:
            async with open_door(name, self.at) as door:
                for _ in range(CALLS_A_CLIENT):
                    pipelines = CHANCE.random() < PIPELINE
                    self.pipelined += pipelines
                    self.ends[await call(PipeliningDoor(self.at.gateway) if pipelines else door)] += 1
                    self._more.set()


async def call(door: Door) -> str:
    """Makes one call, whole or streamed, and leaves it half of the time; returns how it ended."""
    whole, leaves = CHANCE.random() < 1 / 2, CHANCE.random() < LEAVE
    asking = asyncio.ensure_future(door.whole(message="Hi") if whole else door.stream(lambda _: None, message="Hi"))
    try:
        await asyncio.wait([asking], timeout=CHANCE.uniform(0, ANSWER_S) if leaves else None)
        asking.cancel()
        await asking
    except asyncio.CancelledError:
        if is_ending():
            raise
        return LEFT
    except Refusal as refusal:
        return refusal.reason
    finally:
        asking.cancel()
    return ANSWERED


def is_ending() -> bool:
    """Returns whether the caller itself was cancelled, even if the call that it left was just ending."""
    this = asyncio.current_task()
    return this is not None and this.cancelling() > 0
