"""The writer: what it writes together, and what it does while nothing can be written."""

from __future__ import annotations

import asyncio

import pytest

from llm_relay.errors import Internal, LedgerUnavailable
from server_b.ledger.books.batch import Batch, Outcomes
from server_b.ledger.books.writer import Writer
from server_b.ledger.entries import Reserved
from tests.support.money import call_end, new_call

pytestmark = pytest.mark.anyio


class Paper:
    """Accepts batches, or fails on request."""

    def __init__(self) -> None:
        """Starts by accepting everything."""
        self.batches: list[Batch] = []
        self.failure: Exception | None = None
        self.held = asyncio.Event()
        self.held.set()
        self.began = asyncio.Event()

    async def write(self, batch: Batch) -> Outcomes:
        """Stores a batch."""
        self.began.set()
        await self.held.wait()
        if self.failure is not None:
            raise self.failure
        self.batches.append(batch)
        return [Reserved(is_under_budget=False)] * len(batch.calls)


async def test_steps_that_arrive_together_or_during_a_transaction_are_written_together() -> None:
    paper = Paper()
    writer = Writer(paper.write)
    paper.held.clear()
    first = asyncio.gather(*(writer.reserve(new_call()) for _ in range(3)))
    await paper.began.wait()
    second = asyncio.gather(*(writer.reserve(new_call()) for _ in range(4)))
    writer.note_joined("x")
    paper.held.set()
    await first
    await second
    await writer.aclose(grace_s=5)
    assert [len(batch.calls) for batch in paper.batches] == [3, 4]


async def test_a_call_never_ends_in_the_transaction_in_which_it_begins() -> None:
    paper = Paper()
    writer = Writer(paper.write)
    call = new_call()
    reserving = asyncio.ensure_future(writer.reserve(call))
    await asyncio.sleep(0)
    await writer.settle(call_end(call))
    assert (await reserving) == Reserved(is_under_budget=False)
    await writer.aclose(grace_s=5)
    assert [(len(batch.calls), len(batch.ends)) for batch in paper.batches] == [(1, 0), (0, 1)]


async def test_a_call_whose_caller_left_before_it_was_written_is_not_written() -> None:
    paper = Paper()
    writer = Writer(paper.write)
    reserving = asyncio.ensure_future(writer.reserve(new_call()))
    await asyncio.sleep(0)
    reserving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reserving
    await writer.settle(call_end(new_call()))
    await writer.aclose(grace_s=5)
    assert all(not batch.calls for batch in paper.batches)


async def test_ended_calls_are_written_when_that_is_possible_again_and_calls_are_refused_until_then() -> None:
    paper = Paper()
    writer = Writer(paper.write)
    call = new_call()
    await writer.reserve(call)
    paper.failure = LedgerUnavailable(operator_detail="/x/relay.db: disk full")
    settled = writer.settle(call_end(call))
    with pytest.raises(LedgerUnavailable):
        await writer.reserve(new_call())
    was_writable = writer.is_writable
    with pytest.raises(LedgerUnavailable) as caught:
        await writer.reserve(new_call())
    assert caught.value.operator_detail == "/x/relay.db: disk full"
    assert not was_writable
    assert not settled.done()
    paper.failure = None
    await asyncio.wait_for(settled, 20)
    assert writer.is_writable
    await writer.reserve(new_call())
    await writer.aclose(grace_s=5)
    assert call.id in [end.id for batch in paper.batches for end in batch.ends]


async def test_a_call_whose_transaction_failed_is_released_because_it_may_have_been_written() -> None:
    paper = Paper()
    writer = Writer(paper.write)
    paper.failure = LedgerUnavailable()
    call = new_call()
    with pytest.raises(LedgerUnavailable):
        await writer.reserve(call)
    paper.failure = None
    await writer.aclose(grace_s=20)
    (end,) = [end for batch in paper.batches for end in batch.ends]
    assert (end.id, end.outcome, end.may_have_worked, end.nano_usd) == (call.id, "LEDGER_UNAVAILABLE", False, None)


async def test_a_call_that_cannot_be_written_does_not_stop_the_others() -> None:
    bad = new_call(request_id="bad")
    written: list[str] = []

    async def write(batch: Batch) -> Outcomes:
        if any(call.request_id == "bad" for call in batch.calls):
            raise ZeroDivisionError
        written.extend(call.id for call in batch.calls)
        return [Reserved(is_under_budget=False)] * len(batch.calls)

    writer = Writer(write)
    good = [new_call(), new_call()]
    calls = (good[0], bad, good[1])
    outcomes = await asyncio.gather(*(writer.reserve(call) for call in calls), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Reserved, Internal, Reserved]
    assert written == [call.id for call in good]
    assert writer.is_writable
    await writer.aclose(grace_s=5)


async def test_close_waits_for_ended_calls_only_up_to_its_limit(caplog: pytest.LogCaptureFixture) -> None:
    paper = Paper()
    writer = Writer(paper.write)
    paper.failure = LedgerUnavailable()
    call = new_call()
    _ = writer.settle(call_end(call))
    await writer.aclose(grace_s=0.05)
    assert f"1 calls have ended and could not be written to the ledger: {call.id}" in caplog.text
