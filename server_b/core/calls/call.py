"""The state of one call to a provider.

The call runs in a task of its own, which records what arrives. Each reader reads from the first event, so a second
request with the same key joins the call instead of paying for another one. When the last reader leaves before the
end, the request to the provider is aborted.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llm_relay.errors import Cancelled, ProviderProtocol, RelayError
from llm_relay.messages import MAX_MODEL_CHARS, Finished, Prompt, Started
from llm_relay.trace_context import current_trace, set_current_trace
from server_b.core.answer.transcript import Transcript
from server_b.core.calls.attempt import Attempt
from server_b.core.calls.broadcast import Broadcast
from server_b.core.calls.call_key import Delivery, Key
from server_b.core.calls.deadlines import time_is_up
from server_b.core.calls.movable_timer import MovableTimer
from server_b.core.calls.provider_names import kept_name
from server_b.providers.content_pieces import ContentPiece

if TYPE_CHECKING:
    from server_b.core.calls.reader import Reader

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""Longest answer that is accepted: more than any model writes. An endless answer must not fill the memory."""
CALL_BYTES = 3_000
"""Memory of a call besides its prompt and answer: its task, its readers and a dozen small objects."""
READ_AHEAD_BYTES = 64 * 1024
"""How much of an answer may be unread by every reader before the provider has to wait."""
READ_AHEAD_TOKENS = 128
"""The same limit in provider deltas (usually tokens), because many short deltas take little memory once joined."""


class Call:
    """The state of a call. Its task writes it, its readers read it."""

    def __init__(self, key: Key, prompt: Prompt, provider: str, *, protocol: str = "") -> None:
        """`provider` names the providers that may answer; `protocol` is grpc, http, openai or mcp."""
        self.key = key
        self.prompt = prompt
        self._prompt_bytes = prompt.size_bytes
        self.protocol = protocol
        self.provider = provider
        """Name of the provider that answers; until that is known, the names of all that may."""
        self.attempts: list[Attempt] = []
        self.entry_id = ""
        """The gate's id of the call; empty if the gate gives none, or the call has not reached it."""
        trace = current_trace()
        self.trace = None if trace is None else trace.child()
        """Trace of the request that created the call; None: it belongs to no trace."""
        self.transcript = Transcript()
        self.priced_as: tuple[str, ...] = ()
        """Other names that price lists may have for the model that answers."""
        self.reasoning_tokens = 0
        """Estimated tokens of reasoning that the provider showed and that is not passed on."""
        self.started: Started | None = None
        self.finished: Finished | None = None
        self.error: RelayError | None = None
        self.stopped: RelayError | None = None
        """Error that the relay stopped the provider with, if it did; the call fails with it."""
        self.cancelled_softly = False
        self.changed = Broadcast()
        """Wakes the readers when there is more to read."""
        self._has_room = Broadcast()
        self._taken = self.transcript.sequence
        """Number of the last delta that a reader has taken. `_taken_bytes` is the transcript's `added_bytes` then."""
        self._taken_bytes = 0
        self._readers: list[Reader] = []
        self._task: asyncio.Task[None] | None = None
        self._interruptible = False
        self._limit: MovableTimer | None = None
        self._silence_ends = math.inf
        self._now = asyncio.get_running_loop().time
        self.began_at = self._now()
        self.asked_at: float | None = None
        """When the provider was first asked. All times here are in the event loop's time."""
        self.first_event_at: float | None = None
        self.deadline = 0.0
        """The latest deadline of its readers."""

    # Used by the call's own task.

    def begin(self, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Starts the call's task, once."""
        if self._task is None:
            self._task = asyncio.create_task(run())

    def begin_asking(self, *, first_event_s: float) -> None:
        """Lets the provider be asked from now until the deadline. Only during this time can the task be interrupted.

        The provider may send nothing for `first_event_s` seconds. Raises the error of a call that was stopped before it
        began.
        """
        if self.stopped is not None:
            raise self.stopped
        self.asked_at = self._now()
        self._interruptible = True
        self._limit = MovableTimer(self._out_of_time)
        self.expect_event_within(first_event_s)

    def end_asking(self) -> None:
        """Marks that the provider is no longer asked."""
        self._interruptible = False
        if self._limit is not None:
            self._limit.stop()
            self._limit = None

    def expect_event_within(self, seconds: float) -> None:
        """Lets the provider send nothing for `seconds` from now."""
        self._silence_ends = self._now() + seconds
        self._move_limit()

    def _move_limit(self) -> None:
        if self._limit is not None:
            self._limit.move(min(self._silence_ends, self.deadline))

    def begin_attempt(self, round_: int, provider: str, model: str) -> None:
        """Records that a provider is asked. In a chain, the attempt that has just begun gets its provider's name."""
        last = self.attempts[-1] if self.attempts else None
        if last is not None and last.ended_at is None:
            last.provider, last.model = provider, model
        else:
            trace = None if self.trace is None else self.trace.child()
            set_current_trace(trace)
            now = self._now()
            self.attempts.append(Attempt(round=round_, provider=provider, model=model, began_at=now, trace=trace))

    def end_attempt(self, error: RelayError | None = None) -> None:
        """Records that the running attempt has ended. Does nothing if none is running."""
        if self.attempts and (last := self.attempts[-1]).ended_at is None:
            if error is not None and error.asked_before:
                self.note_asked_before(error.asked_before)
            last.ended_at, last.error = self._now(), error

    def note_asked_before(self, errors: Iterable[RelayError]) -> None:
        """Records earlier attempts that failed with these errors, before the running one, and were not worked on."""
        last = self.attempts[-1]
        for error in errors:
            error.may_have_worked = error.repeat_helps = False  # the request was repeated already
            earlier = replace(last, ended_at=self._now(), error=error, responded=False, was_repeated=True)
            earlier.trace = None if last.trace is None else last.trace.sibling()
            self.attempts.insert(-1, earlier)

    def start(self, model: str, priced_as: tuple[str, ...] = ()) -> None:
        """Records the provider's first event; `priced_as` are other names of the model in price lists."""
        self.provider = self.attempts[-1].provider
        self.first_event_at = self._now()
        self.started = self._started(kept_name(model, MAX_MODEL_CHARS))
        self.priced_as = priced_as
        if self.key.delivery is Delivery.STREAM:
            self.changed.wake()

    def _started(self, model: str) -> Started:
        return Started(request_id=self.key.request_id, model=model, provider=self.provider)

    def add(self, text: str, count: int = 1, index: int = 0) -> None:
        """Adds text of a block from `count` provider deltas. Raises ProviderProtocol if the answer gets too long."""
        self.transcript.add(text, count, index)
        self._added()

    def add_content(self, piece: ContentPiece) -> None:
        """Adds a piece that is not text. Raises ProviderProtocol if the answer gets too long."""
        self.transcript.add_content(piece)
        self._added()

    def _added(self) -> None:
        transcript = self.transcript
        if transcript.bytes > MAX_ANSWER_BYTES:
            raise ProviderProtocol(f"the provider's answer is longer than {MAX_ANSWER_BYTES >> 20} MiB")
        if transcript.is_scattered:
            transcript.join_until(min((reader.sequence for reader in self._readers), default=transcript.sequence))
        if self.key.delivery is Delivery.STREAM:
            self.changed.wake()

    async def room(self) -> None:
        """Waits until a reader has taken enough of a stream. Meanwhile the provider's silence has no limit."""
        if self.key.delivery is Delivery.STREAM:
            while self._is_ahead():
                self.expect_event_within(math.inf)
                await self._has_room.wait()

    def _is_ahead(self) -> bool:
        untaken_bytes = self.transcript.added_bytes - self._taken_bytes
        return untaken_bytes > READ_AHEAD_BYTES or self.transcript.sequence - self._taken > READ_AHEAD_TOKENS

    def finish(self, finished: Finished) -> None:
        """Records that the answer is complete. A stream cancelled before its first event gets a Started too."""
        self.started = self.started or self._started(finished.model)
        if self.key.delivery is Delivery.WHOLE:  # no reader has taken a part of it
            self.transcript.join_until(self.transcript.sequence)
        self.finished = finished
        self.changed.wake()

    def fail(self, error: RelayError) -> None:
        """Records that the call has failed."""
        self.error = error
        self._forget_unread()
        self.changed.wake()

    # Stopping a call early: the first reason counts.

    def cancel_softly(self) -> bool:
        """Stops the provider; the call ends well with what has arrived. Returns whether it was running."""
        if self.ended or self.stopped is not None:
            return False
        if not self.cancelled_softly:
            self.cancelled_softly = True
            self._interrupt()
        return True

    def stop(self, error: RelayError) -> None:
        """Closes the provider's connection. The call fails with `error`, unless it was stopped already."""
        if self.stopped is None and not self.cancelled_softly:
            self.stopped = error
            self._interrupt()

    def _interrupt(self) -> None:
        # Only once: a second cancellation would interrupt the provider's cleanup.
        if self._interruptible and self._task is not None:
            self._interruptible = False
            self._task.cancel()

    def _out_of_time(self) -> None:
        self.stop(time_is_up(deadline=self.deadline, silence_ends=self._silence_ends))

    # Used by everyone.

    @property
    def ended(self) -> bool:
        """Whether the call has finished or failed."""
        return self.finished is not None or self.error is not None

    @property
    def is_left(self) -> bool:
        """Whether all readers have left before the end."""
        return not self._readers and not self.ended

    @property
    def is_stopping(self) -> bool:
        """Whether the relay has stopped or cancelled the call, even if it has not ended yet."""
        return self.stopped is not None or self.cancelled_softly

    @property
    def trace_id(self) -> str:
        """Id of the call's trace; empty if it belongs to none."""
        return "" if self.trace is None else self.trace.trace_id

    @property
    def weight(self) -> int:
        """Memory of the call in bytes, with its prompt and answer."""
        return CALL_BYTES + self._prompt_bytes + self.transcript.bytes

    async def wait(self) -> None:
        """Waits until the call's task is done, if it has begun."""
        if self._task is not None:
            await asyncio.wait([self._task])

    # Used by readers.

    def join(self, reader: Reader) -> None:
        """Adds a reader. The call may last until the latest deadline of its readers."""
        self._readers.append(reader)
        self.deadline = max(self.deadline, reader.deadline)
        self._move_limit()
        for one in self._readers:
            one.call_lasts_until(self.deadline)

    def leave(self, reader: Reader, *, runs_on: bool = False) -> None:
        """Removes a reader. Without readers a call that has not ended is stopped, unless it `runs_on`."""
        self._readers.remove(reader)
        if not self._readers:
            self._forget_unread()
            if not self.ended and not runs_on:
                self.stop(Cancelled())

    def took_all(self) -> None:
        """Records that a reader has taken everything that has arrived."""
        if self.transcript.sequence > self._taken:
            self._taken, self._taken_bytes = self.transcript.sequence, self.transcript.added_bytes
            self._has_room.wake()

    def _forget_unread(self) -> None:
        # A gRPC caller that reads no data does not read the status either, and the status keeps the call in memory.
        if not self._readers and self.error is not None:
            self.transcript.clear()
