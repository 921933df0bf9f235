"""The books in a store."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from llm_relay.errors import LedgerUnavailable
from server_b.ledger.base import Policy
from server_b.ledger.books import leases
from server_b.ledger.books.batch import Batch, BatchWriter, BeginAgain, Outcomes
from server_b.ledger.books.storable import bounded_call, bounded_end
from server_b.ledger.books.writer import Writer
from server_b.ledger.entries import CallEnd, NewCall, Reserved
from server_b.ledger.live_servers import LEASE_S, Process
from server_b.ledger.policies import PolicyCache, read_changes
from server_b.ledger.times import from_us
from server_b.ledger.transactions import Store, Transaction

LOG = logging.getLogger(__name__)

SETTLE_PATIENCE_S = 2.0
"""How long the end of a call waits for its settlement at most, in seconds."""
POLL_S = 0.5
"""How often the policy is checked for changes, in seconds."""


class SqlBooks:
    """Books whose calls, policy and lease are in a store. Needs a running event loop."""

    def __init__(
        self,
        store: Store,
        *,
        now: Callable[[], datetime],
        thresholds: Sequence[int] = (),
        heartbeat_s: float = leases.HEARTBEAT_S,
        lease_s: float = LEASE_S,
        is_on_this_machine: bool = True,
        is_clock_shared: bool = True,
    ) -> None:
        """Starts the writer, the checks for policy changes, and this server's lease.

        `is_on_this_machine`: every server of this ledger runs here, so that dead ones are found at once.
        `is_clock_shared`: all servers use the clock `now`; otherwise it is corrected by the database's clock.
        """
        self._store = store
        self._local_now = now
        self._clock_error = timedelta()
        self._thresholds = thresholds
        self._heartbeat_s = heartbeat_s
        self._lease_s = lease_s
        self._is_on_this_machine = self._looks_for_gone = is_on_this_machine
        self._is_clock_shared = is_clock_shared
        self._server_id = str(uuid.uuid4())
        self._process = Process.current()
        self._beaten_at = 0.0
        self._policies = PolicyCache()
        self._batches = BatchWriter(self._server_id, self._policies, self.now, thresholds)
        self._writer = Writer(self._write)
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._poll(), name="ledger-policy"),
            loop.create_task(self._keep_lease(), name="ledger-lease"),
        ]

    def now(self) -> datetime:
        """Returns the database's time, which decides to which window a call belongs."""
        return self._local_now() + self._clock_error

    async def reserve(self, call: NewCall) -> Reserved:
        """Records a call before the provider is asked."""
        return await self._writer.reserve(bounded_call(call))

    async def settle(self, end: CallEnd) -> None:
        """Records how a call ended."""
        written = self._writer.settle(bounded_end(end))
        timer = asyncio.get_running_loop().call_later(SETTLE_PATIENCE_S, _let_go, written)
        try:
            await written
        finally:
            timer.cancel()

    def note_joined(self, call_id: str) -> None:
        """Counts one more request that was given this call's answer."""
        self._writer.note_joined(call_id)

    @property
    def is_writable(self) -> bool:
        """Whether the last write succeeded and no retry is pending."""
        return self._writer.is_writable

    @property
    def lag_s(self) -> float:
        """How long the oldest unwritten entry has waited, in seconds."""
        return self._writer.lag_s

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._policies.policy

    async def refresh(self) -> None:
        """Reads the policy again if it has changed."""
        while True:
            known = self._policies.policy.revision
            changes = await self._store.peek(lambda transaction, known=known: read_changes(transaction, known))  # type: ignore[misc]
            if changes is None or self._policies.apply(changes):
                return

    async def aclose(self, *, grace_s: float) -> None:
        """Writes what is pending, and ends the lease."""
        await self._writer.aclose(grace_s=grace_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        with suppress(LedgerUnavailable, TimeoutError):
            async with asyncio.timeout(1):
                await self._store.write(lambda transaction: leases.end(transaction, self._server_id))

    async def _write(self, batch: Batch) -> Outcomes:
        async def work(transaction: Transaction) -> Outcomes:
            await self._beat_if_late(transaction)
            return await self._batches.write(transaction, batch)

        while True:
            try:
                return await self._store.write(work)
            except BaseException as error:
                self._batches.forget()
                self._beaten_at = 0.0  # so that the next try writes the heartbeat, even if nothing else is pending
                if not isinstance(error, BeginAgain):
                    raise

    async def _beat_if_late(self, transaction: Transaction) -> None:
        """Renews a lease that may have expired, before calls are written under it."""
        now = asyncio.get_running_loop().time()
        if now - self._beaten_at > self._lease_s / 2:
            await self._beat(transaction)

    async def _poll(self) -> None:
        while True:
            await _attempt(self.refresh)
            await asyncio.sleep(POLL_S)

    async def _keep_lease(self) -> None:
        while True:
            await _attempt(self._renew_lease)
            await asyncio.sleep(self._heartbeat_s)

    async def _renew_lease(self) -> None:
        # Not durable: after a power cut, other servers take over from this one.
        await self._store.write(self._beat, is_durable=False)
        if self._looks_for_gone:
            await self._store.write(leases.end_gone, is_durable=False)
            self._looks_for_gone = False
        while await self._store.write(self._take_over, is_durable=False) == leases.AT_ONCE:
            pass
        await self._release_unknown()

    async def _release_unknown(self) -> None:
        """Releases calls whose commit succeeded late, after this server had given them up."""
        rows = await self._store.peek(lambda transaction: leases.own_calls(transaction, self._server_id, self._lease_s))
        for call_id, provider, model in rows:
            if not self._writer.knows(call_id):
                self._writer.release(call_id, provider, model, self.now())

    async def _beat(self, transaction: Transaction) -> None:
        before = self._local_now()
        database_us = await leases.beat(transaction, self._server_id, self._process)
        self._beaten_at = asyncio.get_running_loop().time()
        if not self._is_clock_shared:
            after = self._local_now()
            self._clock_error = from_us(database_us) - (before + (after - before) / 2)

    async def _take_over(self, transaction: Transaction) -> int:
        lost = await leases.take_over(transaction, self._policies, self.now(), self._lease_s, self._thresholds)
        if lost:
            LOG.warning("%d calls of a server that ended without settling them are lost: see `relay calls`", lost)
        return lost


def _let_go(written: asyncio.Future[None]) -> None:
    """Releases a caller that waits for a settlement. The writer keeps trying."""
    if not written.done():
        written.set_result(None)


async def _attempt(step: Callable[[], Awaitable[None]]) -> None:
    """Runs a step that is repeated forever, and logs its failure."""
    try:
        await step()
    except LedgerUnavailable:
        pass  # the writer logs it
    except Exception:
        LOG.exception("the ledger's maintenance failed and will be retried")
