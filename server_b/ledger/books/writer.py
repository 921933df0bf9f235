"""The one writer: what arrives during a transaction, or in one pass of the event loop, forms the next transaction.

When idle, nothing waits for a timer. While the event loop is busy, transactions are spaced and shared, as long as the
program has other work to do meanwhile. The number of open calls does not show that: a busy loop serves them one after
another.
An ended call is never given up. It is retried until it is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime

from llm_relay.errors import Internal, LedgerUnavailable
from server_b.ledger.books.batch import Batch, Outcomes
from server_b.ledger.books.storable import storable
from server_b.ledger.entries import CallEnd, NewCall, Reserved

LOG = logging.getLogger(__name__)

MAX_BATCH = 200
BUSY_PASS_S = 0.0003
"""A pass of the event loop that takes longer, in seconds, serves several calls. Transactions are then spaced and
shared. uvloop's clock ticks in milliseconds: a shorter pass counts as a longer one if a tick falls into it."""
SPACING_TIMES = 3
"""The least time between two transactions while the event loop is busy, as a multiple of the last one's duration: the
slower the database, the more calls share a transaction."""
MOST_SPACING_S = 0.05
"""The longest time that SPACING_TIMES leads to, in seconds."""
SHARING_S = 0.015
"""The longest time from the end of a transaction to the next while the program has work, in seconds."""
LOOK_S = 0.001
"""How often to check whether the program still has work, in seconds."""
BUSY_SHARE = 0.2
"""The program has work while it uses at least this share of a core. With less, it is held up by the calls here."""
FIRST_RETRY_S = 0.05
LAST_RETRY_S = 1.0

Write = Callable[[Batch], Awaitable[Outcomes]]


class Writer:
    """Gathers calls that begin and end into batches."""

    def __init__(self, write: Write) -> None:
        """`write` writes a batch in one transaction, or raises LedgerUnavailable. Running it twice must do no harm."""
        self._write = write
        self._calls: dict[str, tuple[NewCall, asyncio.Future[Reserved]]] = {}
        self._ends: dict[str, tuple[CallEnd, asyncio.Future[None]]] = {}
        self._joined: Counter[str] = Counter()
        self._open: set[str] = set()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._last = self._took_s = 0.0
        self._waiting_since: float | None = None
        self._failure: LedgerUnavailable | None = None
        self._retry_s = FIRST_RETRY_S
        self._task = asyncio.get_running_loop().create_task(self._run(), name="ledger-writer")

    @property
    def is_writable(self) -> bool:
        """Whether the last write succeeded."""
        return self._failure is None

    @property
    def lag_s(self) -> float:
        """How long the oldest unwritten entry has waited, in seconds."""
        return 0.0 if self._waiting_since is None else asyncio.get_running_loop().time() - self._waiting_since

    async def reserve(self, call: NewCall) -> Reserved:
        """Writes a new call in the next batch, and waits for it."""
        if self._failure is not None:
            raise _again(self._failure)
        future: asyncio.Future[Reserved] = asyncio.get_running_loop().create_future()
        self._calls[call.id] = (call, future)
        self._wake_up()
        return await future

    def settle(self, end: CallEnd) -> asyncio.Future[None]:
        """Writes the end of a call in the next batch. The future is done when it is written."""
        if end.id in self._ends:
            return self._ends[end.id][1]
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ends[end.id] = (end, future)
        self._wake_up()
        return future

    def knows(self, call_id: str) -> bool:
        """Returns whether a call runs here, or is about to be written."""
        return call_id in self._open or call_id in self._calls or call_id in self._ends

    def note_joined(self, call_id: str) -> None:
        """Counts one more request that was given this call's answer."""
        self._joined[call_id] += 1
        self._wake_up()

    async def aclose(self, *, grace_s: float) -> None:
        """Writes what is pending, for at most `grace_s` seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), grace_s)
        self._task.cancel()
        await asyncio.wait([self._task])
        for _, future in self._calls.values():
            if not future.done():
                future.set_exception(LedgerUnavailable())
        if self._ends:
            LOG.error(
                "%d calls have ended and could not be written to the ledger: %s",
                len(self._ends),
                ", ".join(list(self._ends)[:20]),
            )

    async def _run(self) -> None:
        while True:
            if self._failure is None:
                await self._wake.wait()
                await self._space()
            else:
                await asyncio.sleep(self._retry_s)
            self._wake.clear()
            try:
                await self._write_batch(self._take())
            except Exception:  # the writer must keep running: unfinished entries are retried
                LOG.exception("the ledger's writer failed")
                await asyncio.sleep(self._retry_s)
            if self._calls or self._ends or self._joined:
                self._wake.set()
            else:
                self._waiting_since = None
                self._idle.set()

    def _wake_up(self) -> None:
        if self._waiting_since is None:
            self._waiting_since = asyncio.get_running_loop().time()
        self._wake.set()
        self._idle.clear()

    async def _space(self) -> None:
        """Waits for one pass of the event loop, and longer if that pass was busy and there is other work to do."""
        now = asyncio.get_running_loop().time
        began = now()
        await asyncio.sleep(0)
        if now() - began <= BUSY_PASS_S:
            return
        await asyncio.sleep(self._last + min(self._took_s * SPACING_TIMES, MOST_SPACING_S) - now())
        is_busy = True
        while is_busy and now() < self._last + SHARING_S:
            used_s, began = time.process_time(), now()
            await asyncio.sleep(LOOK_S)
            is_busy = time.process_time() - used_s >= BUSY_SHARE * (now() - began)

    def _take(self) -> Batch:
        """Takes the pending entries. Drops new calls whose caller has left."""
        for call_id in [call_id for call_id, (_, future) in self._calls.items() if future.done()]:
            del self._calls[call_id]
        calls = [call for call, _ in list(self._calls.values())[:MAX_BATCH]]
        beginning = {call.id for call in calls}
        ends = [end for end, _ in list(self._ends.values())[:MAX_BATCH] if end.id not in beginning]
        joined, self._joined = self._joined, Counter()
        return Batch(calls, ends, joined)

    async def _write_batch(self, batch: Batch) -> None:
        now = asyncio.get_running_loop().time
        began = now()
        try:
            outcomes = await self._write(batch)
        except LedgerUnavailable as error:
            self._fail(batch, error)
        except Exception as error:  # noqa: BLE001 - one call that cannot be written must not stop the others
            await self._write_alone(batch, error)
        else:
            self._took_s = now() - began
            self._finish(batch, outcomes)

    async def _write_alone(self, batch: Batch, error: Exception) -> None:
        """Writes each part of a failed batch by itself, without what a database cannot hold."""
        parts = [Batch([storable(call)]) for call in batch.calls] + [Batch(ends=[storable(end)]) for end in batch.ends]
        parts += [Batch(joined={call_id: count}) for call_id, count in batch.joined.items()]
        if parts != [batch]:
            for part in parts:
                await self._write_batch(part)
            return
        LOG.error("a call cannot be written to the ledger: %s", type(error).__name__, exc_info=error)
        self._finish(batch, [Internal()] * len(batch.calls))

    def _finish(self, batch: Batch, outcomes: Outcomes) -> None:
        self._last = self._waiting_since = asyncio.get_running_loop().time()
        if self._failure is not None:
            self._failure = None
            LOG.info("the ledger can be written again")
        self._retry_s = FIRST_RETRY_S
        for call, outcome in zip(batch.calls, outcomes, strict=True):
            if isinstance(outcome, Reserved):
                self._open.add(call.id)
            _, begun = self._calls.pop(call.id, (call, None))
            if begun is None or begun.done():
                continue
            if isinstance(outcome, Reserved):
                begun.set_result(outcome)
            else:
                begun.set_exception(outcome)
        for end in batch.ends:
            self._open.discard(end.id)
            _, ended = self._ends.pop(end.id, (end, None))
            if ended is not None and not ended.done():
                ended.set_result(None)

    def _fail(self, batch: Batch, error: LedgerUnavailable) -> None:
        if self._failure is None:
            LOG.error("the ledger cannot be written; calls are refused: %s", error.operator_detail or error.message)
        else:
            self._retry_s = min(self._retry_s * 2, LAST_RETRY_S)
        self._failure = error
        for call_id, count in batch.joined.items():
            self._joined[call_id] += count
        for _, future in self._calls.values():  # also those that arrived meanwhile
            if not future.done():
                future.set_exception(_again(error))
        self._calls.clear()
        for call in batch.calls:
            self.release(call.id, call.provider, call.model, call.started_at)

    def release(self, call_id: str, provider: str, model: str, at: datetime) -> None:
        """Settles a call that may have been written although its transaction failed. Its provider was not asked."""
        _ = self.settle(
            CallEnd(
                id=call_id,
                outcome=LedgerUnavailable.reason,
                is_failed=True,
                provider=provider,
                model=model,
                input_tokens=None,
                output_tokens=None,
                accuracy="unknown",
                nano_usd=None,
                may_have_worked=False,
                ended_at=at,
                duration_s=0.0,
            )
        )


def _again(error: LedgerUnavailable) -> LedgerUnavailable:
    """Returns a copy of an error, because each call needs its own."""
    return LedgerUnavailable(error.message, operator_detail=error.operator_detail)
