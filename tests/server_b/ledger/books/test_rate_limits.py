"""Calls per minute, tokens per minute and concurrent calls, on both engines."""

from __future__ import annotations

import asyncio

import pytest

from llm_relay.errors import BudgetExceeded, RateLimited
from server_b.ledger.transactions import Store
from tests.support.money import Clock, call_end, new_call, open_books, put_budget, put_caller, select

pytestmark = pytest.mark.anyio


async def test_calls_per_minute_are_limited_and_refilled_with_time(store: Store) -> None:
    clock = Clock()
    await put_caller(store, calls_per_minute=3)
    async with open_books(store, now=clock) as books:
        outcomes = await asyncio.gather(*(books.reserve(new_call()) for _ in range(5)), return_exceptions=True)
        refused = [outcome for outcome in outcomes if isinstance(outcome, RateLimited)]
        assert len(refused) == 2
        assert refused[0].retry_after_s == pytest.approx(20)
        clock.move(seconds=20)
        await books.reserve(new_call())
        with pytest.raises(RateLimited):
            await books.reserve(new_call())
    assert await select(store, "state, COUNT(*)", "calls", group_by="state") == [("open", 4)]


async def test_tokens_per_minute_are_corrected_by_the_calls_usage(store: Store) -> None:
    clock = Clock()
    await put_caller(store, tokens_per_minute=600)
    first, second = new_call(likely_tokens=100), new_call(likely_tokens=500)
    async with open_books(store, now=clock) as books:
        await books.reserve(first)
        await books.settle(call_end(first, input_tokens=400, output_tokens=100))
        with pytest.raises(RateLimited) as caught:
            await books.reserve(second)
        assert caught.value.retry_after_s == pytest.approx(40)
        clock.move(seconds=40)
        await books.reserve(second)


async def test_a_call_larger_than_a_minute_of_tokens_passes_when_the_bucket_is_full(store: Store) -> None:
    await put_caller(store, tokens_per_minute=600)
    async with open_books(store) as books:
        await books.reserve(new_call(likely_tokens=10_000))
        with pytest.raises(RateLimited):
            await books.reserve(new_call(likely_tokens=1))


async def test_concurrent_calls_are_limited(store: Store) -> None:
    await put_caller(store, concurrent_calls=2)
    first, second = new_call(), new_call(caller="http/alice")
    async with open_books(store) as books:
        await books.reserve(first)
        await books.reserve(second)
        with pytest.raises(RateLimited):
            await books.reserve(new_call())
        await books.reserve(new_call(caller="bob"))
        await books.settle(call_end(first))
        await books.reserve(new_call())


async def test_a_refused_call_uses_no_rate(store: Store) -> None:
    await put_caller(store, calls_per_minute=1, tokens_per_minute=100)
    await put_budget(store, 1_000)
    async with open_books(store) as books:
        with pytest.raises(BudgetExceeded):
            await books.reserve(new_call(bound_nano_usd=5_000, likely_tokens=100))
        await books.reserve(new_call(likely_tokens=100))


async def test_rates_are_shared_by_all_servers_of_one_ledger(store: Store) -> None:
    await put_caller(store, calls_per_minute=1)
    async with open_books(store) as one, open_books(store) as another:
        await one.reserve(new_call())
        with pytest.raises(RateLimited):
            await another.reserve(new_call())


async def test_a_new_limit_applies_at_once_and_reduces_saved_tokens(store: Store) -> None:
    await put_caller(store, calls_per_minute=100)
    async with open_books(store) as books:
        await books.reserve(new_call())
        await put_caller(store, calls_per_minute=1)
        await books.reserve(new_call())
        with pytest.raises(RateLimited):
            await books.reserve(new_call())
        await put_caller(store, calls_per_minute=0)
        with pytest.raises(RateLimited):
            await books.reserve(new_call())
