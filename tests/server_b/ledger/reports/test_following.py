"""Following calls: one poll for all who follow."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from llm_relay.errors import LedgerUnavailable, Overloaded
from llm_relay.messages.accounts import CallEntry, CallState
from server_b.ledger.base import Ledger, LiveCalls
from server_b.ledger.open_ledger import open_ledger, open_store
from server_b.ledger.reports.following import MOST_AT_ONCE, Following
from server_b.ledger.transactions import Store, T, Work
from tests.server_b.ledger.ledger_calls import Clock, end_of, new_call, spend

pytestmark = pytest.mark.anyio

PATIENCE_S = 60
FOLLOWERS = 20


class SteppedStore:
    """A store that reads only when it is allowed to."""

    location = "stepped"

    def __init__(self, store: Store) -> None:
        self._store = store
        self._allowed = asyncio.Semaphore(0)
        self.reads = 0
        self.is_broken = False

    def allow_a_read(self) -> None:
        self._allowed.release()

    async def read(self, work: Work[T]) -> T:
        await self._allowed.acquire()
        self.reads += 1
        if self.is_broken:
            raise LedgerUnavailable
        return await self._store.read(work)

    async def write(self, work: Work[T], *, is_long: bool = False, is_durable: bool = True) -> T:
        return await self._store.write(work, is_long=is_long, is_durable=is_durable)

    async def peek(self, work: Work[T]) -> T:
        return await self._store.peek(work)

    async def aclose(self) -> None:
        await self._store.aclose()


@pytest.fixture
async def stepped(ledger_url: str, tmp_path: Path) -> AsyncIterator[SteppedStore]:
    store = SteppedStore(await open_store(ledger_url, folder=tmp_path))
    yield store
    await store.aclose()


@pytest.fixture
async def following(stepped: SteppedStore) -> AsyncIterator[Following]:
    made = Following(stepped, now)
    yield made
    await made.aclose()


@pytest.fixture
async def books(ledger_url: str, tmp_path: Path) -> AsyncIterator[Ledger]:
    """A server of the ledger that is followed."""
    opened = await open_ledger(ledger_url, folder=tmp_path)
    yield opened
    await opened.aclose(grace_s=5)


def now() -> datetime:
    return datetime.now(UTC)


async def within(live: object) -> LiveCalls:
    async with asyncio.timeout(PATIENCE_S):
        return await live  # type: ignore[misc, no-any-return]


async def changed(calls: AsyncGenerator[LiveCalls, None]) -> LiveCalls:
    """Returns the next moment at which something changed."""
    async with asyncio.timeout(PATIENCE_S):
        async for live in calls:
            if live.changed:
                return live
    raise AssertionError("it ended")


def states(live: LiveCalls) -> list[tuple[str, CallState]]:
    return [(call.id, call.state) for call in live.changed]


async def test_calls_of_every_server_are_followed(books: Ledger, ledger_url: str, tmp_path: Path) -> None:
    there = await open_ledger(ledger_url, folder=tmp_path)
    try:
        open_before = new_call(now() - timedelta(hours=1), "gateway/alice")
        await there.reserve(open_before)
        await spend(there, now() - timedelta(seconds=1), 1)
        async with contextlib.aclosing(books.follow()) as told:
            assert await within(anext(told)) == LiveCalls(running={"gateway/alice": 1})
            begun = new_call(now(), "bob")
            await there.reserve(begun)
            live = await changed(told)
            assert (states(live), live.running) == ([(begun.id, CallState.OPEN)], {"gateway/alice": 1, "bob": 1})
            await there.settle(end_of(begun, 5))
            assert states(await changed(told)) == [(begun.id, CallState.SETTLED)]
            await there.settle(end_of(open_before, 5))
            live = await changed(told)
            assert (states(live), live.running) == ([(open_before.id, CallState.SETTLED)], {})
            short = {await spend(there, now(), 1, "bob"), await spend(books, now(), 1, "bob")}
            seen: set[str] = set()
            while seen != short:
                seen |= {call.id for call in (await changed(told)).changed}
    finally:
        await there.aclose(grace_s=5)


async def test_one_read_serves_all_followers(books: Ledger, stepped: SteppedStore, following: Following) -> None:
    async with contextlib.AsyncExitStack() as stack:
        told = [await stack.enter_async_context(contextlib.aclosing(following.follow())) for _ in range(FOLLOWERS)]
        first = [asyncio.ensure_future(anext(one)) for one in told]
        stepped.allow_a_read()
        assert [await within(one) for one in first] == [LiveCalls()] * FOLLOWERS
        begun = new_call(now())
        await books.reserve(begun)
        stepped.allow_a_read()
        for one in told:
            assert states(await changed(one)) == [(begun.id, CallState.OPEN)]
        assert stepped.reads == 2


async def test_a_late_follower_continues_where_the_last_read_was(
    books: Ledger, stepped: SteppedStore, following: Following
) -> None:
    begun = new_call(now())
    await books.reserve(begun)
    stepped.allow_a_read()
    async with contextlib.aclosing(following.follow()) as early, contextlib.aclosing(following.follow()) as late:
        assert await within(anext(early)) == LiveCalls(running={"alice": 1})
        await books.settle(end_of(begun, 5))
        assert await within(anext(late)) == LiveCalls(running={"alice": 1})  # as of the last read
        stepped.allow_a_read()
        for told in (early, late):
            live = await changed(told)
            assert (states(live), live.running) == ([(begun.id, CallState.SETTLED)], {})


async def test_nothing_is_read_when_nobody_follows(stepped: SteppedStore, following: Following) -> None:
    before = asyncio.all_tasks()
    stepped.allow_a_read()
    async with contextlib.aclosing(following.follow()) as told:
        await within(anext(told))
        polling = asyncio.all_tasks() - before
        assert len(polling) == 1
    assert not (await asyncio.wait(polling, timeout=PATIENCE_S))[1]
    assert stepped.reads == 1
    stepped.allow_a_read()
    async with contextlib.aclosing(following.follow()) as told:
        assert await within(anext(told)) == LiveCalls()


async def test_a_follower_is_given_something_while_the_ledger_is_silent(
    stepped: SteppedStore, following: Following
) -> None:
    stepped.allow_a_read()
    async with contextlib.aclosing(following.follow()) as told:
        assert await within(anext(told)) == await within(anext(told))


async def test_calls_that_came_and_went_while_the_ledger_was_slow_are_told(
    books: Ledger, stepped: SteppedStore
) -> None:
    clock = Clock(now())
    following = Following(stepped, clock)
    stepped.allow_a_read()
    async with contextlib.aclosing(following.follow()) as told:
        await within(anext(told))
        short = await spend(books, clock.now, 1)
        clock.now += timedelta(seconds=50)
        stepped.allow_a_read()
        assert states(await changed(told)) == [(short, CallState.SETTLED)]
    await following.aclose()


async def test_every_follower_is_told_that_the_ledger_fails(stepped: SteppedStore, following: Following) -> None:
    stepped.is_broken = True
    told = [following.follow() for _ in range(3)]
    first = [asyncio.ensure_future(anext(one)) for one in told]
    stepped.allow_a_read()
    for one in first:
        with pytest.raises(LedgerUnavailable):
            await within(one)
    stepped.is_broken = False
    stepped.allow_a_read()
    async with contextlib.aclosing(following.follow()) as again:
        assert await within(anext(again)) == LiveCalls()


async def test_a_slow_follower_is_told_that_it_is_behind(books: Ledger, stepped: SteppedStore) -> None:
    most = MOST_AT_ONCE + 1
    following = Following(stepped, now, most_waiting=most)
    async with contextlib.aclosing(following.follow()) as slow, contextlib.aclosing(following.follow()) as quick:
        stepped.allow_a_read()
        await within(anext(slow))
        await within(anext(quick))
        read: list[CallEntry] = []
        for count in (most, 1):
            made = await asyncio.gather(*(spend(books, now(), 1) for _ in range(count)))
            stepped.allow_a_read()
            while len(read) < len(made):
                part = (await changed(quick)).changed
                assert len(part) <= MOST_AT_ONCE
                read += part
            assert {call.id for call in read} == set(made)
            read.clear()
        with pytest.raises(Overloaded, match="watch again"):
            await within(anext(slow))
    await following.aclose()


async def test_who_follows_a_ledger_that_is_closed_is_told(ledger_url: str, tmp_path: Path) -> None:
    ledger = await open_ledger(ledger_url, folder=tmp_path)
    told = ledger.follow()
    assert await within(anext(told)) == LiveCalls()
    await ledger.aclose(grace_s=5)
    for following in (told, ledger.follow()):
        with pytest.raises(LedgerUnavailable):
            await within(anext(following))
