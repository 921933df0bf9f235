"""One caller's reading of a call: from admission until it leaves, within its own deadline."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from llm_relay.announced_retry import ClientRetry
from llm_relay.errors import RelayError
from llm_relay.messages import Answer, Event, answer_parts
from llm_relay.trace_context import current_trace
from server_b.core.calls.call import Call
from server_b.core.calls.movable_timer import MovableTimer
from server_b.core.calls.record import SharedRecord


class Reader:
    """Reads a call. The call begins when its first reader reads."""

    def __init__(
        self,
        call: Call,
        deadline: float,
        *,
        protocol: str,
        shares: str,
        begin: Callable[[Call], None],
        too_late: Callable[[Call], RelayError],
        client_retry: ClientRetry | None = None,
    ) -> None:
        """`deadline` is in the event loop's time; `too_late` makes the error for a reader whose deadline has passed."""
        self.deadline = deadline
        self.protocol = protocol
        self.shares = shares
        """`joined` or `replayed` if another request created the call; otherwise empty."""
        self.call = call
        self.client_retry = client_retry
        self.trace = current_trace() if shares else None
        """Trace of this request, if another request created the call."""
        self._now = asyncio.get_running_loop().time
        self.came_at = self._now()
        self.handed_at = self.came_at
        """When the reader last got an event, or was admitted. Updated only if the client may repeat its request."""
        self.sequence = 0
        """Number of the last event that the reader has taken."""
        self._begin = begin
        self._too_late = too_late
        self._is_late = False
        self._limit: MovableTimer | None = None
        call.join(self)

    @property
    def request_id(self) -> str:
        """The id by which the caller can cancel the call."""
        return self.call.key.request_id

    def call_lasts_until(self, deadline: float) -> None:
        """Sets a timer for its own deadline if the call's deadline is later."""
        if self.deadline < deadline and self._limit is None:
            self._limit = MovableTimer(self._out_of_time)
            self._limit.move(self.deadline)

    def _out_of_time(self) -> None:
        self._is_late = True
        self.call.changed.wake()

    def leave(self, *, runs_on: bool = False) -> None:
        """Ends the reading. The last reader to leave stops the call, unless it `runs_on`."""
        if self._limit is not None:
            self._limit.stop()
            self._limit = None
        self.call.leave(self, runs_on=runs_on)

    def shared_record(self) -> SharedRecord:
        """Returns the record of a request that got another request's answer, and leaves now."""
        call = self.call
        return SharedRecord(
            key=call.key,
            protocol=self.protocol,
            provider=call.provider,
            outcome=self.shares,
            duration_s=self._now() - self.came_at,
            trace=self.trace,
            joined=call.trace if self.shares == "joined" else None,
        )

    def events(self) -> AsyncGenerator[Event, None]:
        """Yields the events from the first one. Deltas that have gathered since the last read are joined.

        Raises the RelayError that the call ends with, or DeadlineExceeded.
        """
        return self._events() if self.client_retry is None else self._timed_events()

    async def _timed_events(self) -> AsyncGenerator[Event, None]:
        async with aclosing(self._events()) as events:
            async for event in events:
                self.handed_at = self._now()
                yield event

    async def _events(self) -> AsyncGenerator[Event, None]:
        call = self.call
        self._begin(call)
        while call.started is None:
            await self._more(call)
        self.sequence = call.started.sequence
        yield call.started
        while True:
            while fresh := call.transcript.after(self.sequence):
                self.sequence = fresh[-1].sequence
                call.took_all()
                for delta in fresh:
                    yield delta
            if call.finished is not None:
                yield call.finished
                return
            await self._more(call)

    async def answer(self) -> Answer:
        """Waits for the whole answer; raises the RelayError that the call ends with, or DeadlineExceeded."""
        call = self.call
        self._begin(call)
        while call.finished is None:
            await self._more(call)
        return Answer(
            request_id=call.key.request_id,
            text=call.transcript.text,
            provider=call.provider,
            finished=call.finished,
            parts=answer_parts(call.transcript.deltas, call.provider),
        )

    async def _more(self, call: Call) -> None:
        """Waits for the next change. Raises if the call has failed or this reader's deadline has passed."""
        if call.error is not None:
            # Each reader gets a copy: the traceback of a raised error refers to the call, which refers to its error.
            raise copy.copy(call.error)
        if self._is_late:
            raise self._too_late(call)
        await call.changed.wait()
