"""Servers that die, seem to die, or come back."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from server_b.ledger.books.leases import AT_ONCE
from server_b.ledger.live_servers import Process
from server_b.ledger.transactions import Store, Transaction
from tests.support.money import call_end, new_call, open_books, put_budget, select, wait_for_rows

pytestmark = pytest.mark.anyio
FAST = {"heartbeat_s": 0.02, "lease_s": 0.2}


async def test_calls_of_a_dead_server_are_lost_and_charged_their_reservation(store: Store) -> None:
    await put_budget(store, 10_000)
    call = new_call()
    async with open_books(store) as dead:
        await dead.reserve(call)
    async with open_books(store, **FAST):
        await wait_for_rows(
            store, [("lost", "LOST", None, 1000)], "state, outcome, nano_usd, charged_nano_usd", "calls"
        )
    assert await select(store, "spent_nano_usd, reserved_nano_usd", "windows") == [(1000, 0)]
    assert await select(
        store, "outcome, calls, failed, unknown_cost_calls, nano_usd, charged_nano_usd", "usage_hours"
    ) == [("LOST", 1, 1, 1, 0, 1000)]


async def test_more_calls_than_one_transaction_takes_are_all_lost(store: Store) -> None:
    async with open_books(store) as dead:
        await asyncio.gather(*(dead.reserve(new_call()) for _ in range(AT_ONCE + 5)))
    async with open_books(store, **FAST):
        await wait_for_rows(store, [("lost", AT_ONCE + 5)], "state, COUNT(*)", "calls", group_by="state")


async def test_a_server_that_was_only_slow_settles_its_lost_call_as_an_adjustment(store: Store) -> None:
    await put_budget(store, 10_000)
    call = new_call()
    async with open_books(store) as slow:
        await slow.reserve(call)
    async with open_books(store, **FAST) as books:
        await wait_for_rows(store, [("lost",)], "state", "calls")
        await books.settle(call_end(call))
        await books.settle(call_end(call))
    assert await select(store, "state, outcome, nano_usd, charged_nano_usd", "calls") == [("settled", "STOP", 300, 300)]
    assert await select(store, "spent_nano_usd, reserved_nano_usd", "windows") == [(300, 0)]
    assert await select(store, "call_id, nano_usd, reason", "adjustments") == [
        (call.id, -700, "settled after its server was considered dead")
    ]
    assert await select(store, "outcome, calls, failed, unknown_cost_calls, charged_nano_usd", "usage_hours") == [
        ("LOST", 0, 0, 0, 0),
        ("STOP", 1, 0, 0, 300),
    ]


async def test_calls_of_a_living_server_stay_open(store: Store) -> None:
    async with open_books(store, heartbeat_s=0.02) as living, open_books(store, heartbeat_s=0.02, lease_s=5):
        await living.reserve(new_call())
        beats = await select(store, "id, heartbeat_at", "servers")
        await wait_for_rows(store, [], "id", "servers", f"heartbeat_at <= {max(beat for _, beat in beats)}")
        assert await select(store, "state", "calls") == [("open",)]


async def test_processes_of_this_machine_that_no_longer_exist_lose_their_calls_at_once(store: Store) -> None:
    dead = dataclasses.replace(Process.current(), started=12345)  # the process number now belongs to another process

    async def begin(transaction: Transaction) -> None:
        row = dataclasses.asdict(dead)
        await transaction.execute(
            "INSERT INTO servers (id, host, pid, process_started, heartbeat_at)"
            " VALUES ('dead', :host, :pid, :started, now_us())",
            row,
        )

    async with open_books(store) as books:
        await books.reserve(new_call())
        await store.write(begin)
        await store.write(lambda transaction: transaction.execute("UPDATE calls SET server_id = 'dead'"))
    async with open_books(store, heartbeat_s=0.02):  # with a lease of ten seconds
        await wait_for_rows(store, [("lost",)], "state", "calls")


async def test_a_call_that_was_written_although_it_was_refused_is_released(store: Store) -> None:
    await put_budget(store, 10_000)
    async with open_books(store, heartbeat_s=0.02, lease_s=5) as books, open_books(store) as another:
        known = new_call()
        await books.reserve(known)
        late = new_call(request_id="late")
        await another.reserve(late)
        await store.write(  # as if `books` had written it before its connection was cut
            lambda transaction: transaction.execute(
                "UPDATE calls SET server_id = (SELECT MIN(server_id) FROM calls"
                " WHERE request_id <> 'late') WHERE request_id = 'late'"
            )
        )
        expected = [("request-1", "open", ""), ("late", "settled", "LEDGER_UNAVAILABLE")]
        await wait_for_rows(store, sorted(expected), "request_id, state, outcome", "calls")
        assert await select(store, "spent_nano_usd, reserved_nano_usd", "windows") == [(0, 1000)]


def test_only_an_ended_process_of_this_machine_is_gone() -> None:
    assert not Process.current().is_gone
    assert dataclasses.replace(Process.current(), started=1).is_gone
    assert not dataclasses.replace(Process.current(), host="another", pid=1, started=1).is_gone
