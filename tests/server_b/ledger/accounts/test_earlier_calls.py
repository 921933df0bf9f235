"""Sums that are counted on a snapshot are right at the change, whatever happens to the calls in between."""

from datetime import timedelta

import pytest

from llm_relay.messages.accounts import Adjustment
from server_b.ledger.accounts.earlier_calls import EarlierCalls, charged_with_tag, count_earlier
from server_b.ledger.base import Ledger
from server_b.ledger.times import to_us
from server_b.ledger.transactions import Store
from server_b.ledger.windows import ALL_TIME
from tests.server_b.ledger.ledger_calls import Clock, end_of, new_call, spend

pytestmark = pytest.mark.anyio

TAG = "project=a"
TAGS = {"project": "a"}


async def snapshot(store: Store, clock: Clock) -> EarlierCalls:
    before_us = to_us(clock.now - timedelta(minutes=1))
    return await store.read(lambda transaction: count_earlier(transaction, TAG, ALL_TIME, before_us))


async def counted(store: Store, earlier: EarlierCalls | None) -> int:
    return await store.read(lambda transaction: charged_with_tag(transaction, TAG, ALL_TIME, earlier))


async def test_calls_that_end_and_begin_after_the_snapshot_are_counted(
    ledger: Ledger, store: Store, clock: Clock
) -> None:
    old = clock.now - timedelta(hours=1)
    await spend(ledger, old, 1, tags=TAGS)
    await spend(ledger, old, 20_000, tags={"project": "b"})
    await spend(ledger, clock.now, 300, tags=TAGS)
    running = new_call(old, tags=TAGS)
    await ledger.reserve(running)
    earlier = await snapshot(store, clock)
    assert (earlier.charged_nano_usd, earlier.open_calls) == (1, (running.id,))
    assert await counted(store, earlier) == 301
    await ledger.settle(end_of(running, 50))
    await spend(ledger, clock.now, 4000, tags=TAGS)
    assert await counted(store, earlier) == await counted(store, None) == 4351


async def test_a_correction_after_the_snapshot_is_counted(ledger: Ledger, store: Store, clock: Clock) -> None:
    key = await spend(ledger, clock.now - timedelta(hours=1), 100, tags=TAGS)
    earlier = await snapshot(store, clock)
    await ledger.adjust(Adjustment(call_id=key, nano_usd=-40, reason="credit"), by="root")
    assert await counted(store, earlier) == 60
