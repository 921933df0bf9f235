"""A resource lives as long as the event loop that it was opened on."""

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator

import pytest

from llm_relay.program.per_loop import PerLoop


class Opened:
    """Counts what was opened, and records on which loop it was closed."""

    def __init__(self) -> None:
        self.loops: list[asyncio.AbstractEventLoop] = []
        self.closed: list[asyncio.AbstractEventLoop] = []

    async def open(self) -> AsyncGenerator[int, None]:
        self.loops.append(asyncio.get_running_loop())
        try:
            yield len(self.loops)
        finally:
            await asyncio.sleep(0)
            self.closed.append(asyncio.get_running_loop())


def test_each_loop_opens_its_own_and_closes_it_at_its_end() -> None:
    opened = Opened()
    resource = PerLoop(opened.open)
    assert [asyncio.run(resource.get()) for _ in range(3)] == [1, 2, 3]
    assert opened.closed == opened.loops


def test_callers_on_one_loop_share_it() -> None:
    opened = Opened()
    resource = PerLoop(opened.open)

    async def ask_often() -> list[int]:
        return await asyncio.gather(*(resource.get() for _ in range(5)))

    assert asyncio.run(ask_often()) == [1] * 5
    assert len(opened.closed) == 1


def test_a_failed_opening_is_retried() -> None:
    faults = [ValueError("bad setting")]

    async def open_at_the_second_time() -> AsyncGenerator[str, None]:
        if faults:
            raise faults.pop()
        yield "open"

    resource = PerLoop(open_at_the_second_time)

    async def ask_twice() -> str:
        with pytest.raises(ValueError, match="bad setting"):
            await resource.get()
        return await resource.get()

    assert asyncio.run(ask_twice()) == "open"


def test_a_loop_that_was_closed_without_notice_is_forgotten() -> None:
    opened = Opened()
    resource = PerLoop(opened.open)
    careless = asyncio.new_event_loop()
    assert careless.run_until_complete(resource.get()) == 1
    careless.close()
    opened.loops.clear()
    kept = weakref.ref(careless)
    del careless
    assert asyncio.run(resource.get()) == 1
    gc.collect()
    assert kept() is None
