"""One call to a provider, and what is known of it so far.

The call runs in a task of its own and writes down what comes. Each reader follows from the beginning, so a second
request with the same key joins the call instead of paying for another one. When the last reader leaves before the
end, the provider call is aborted.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llm_relay.errors import Cancelled, DeadlineExceeded, ProviderProtocol, ProviderUnavailable, RelayError
from llm_relay.messages import Finished, Prompt, Started
from llm_relay.trace_context import current_trace, set_current_trace
from server_b.core.answer.transcript import Transcript
from server_b.core.calls.attempt import Attempt
from server_b.core.calls.broadcast import Broadcast
from server_b.core.calls.call_key import Delivery, Key
from server_b.core.calls.time_limit import TimeLimit
from server_b.providers.content_pieces import ContentPiece

if TYPE_CHECKING:
    from server_b.core.calls.reader import Reader

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""More than any model writes; an endless answer is not gathered without end."""
CALL_BYTES = 3_000
"""What a call takes beside its prompt and answer: its task, its readers, and a dozen small objects."""
READ_AHEAD_BYTES = 64 * 1024
"""How much of an answer a call may hold that no reader has taken yet, before the provider has to wait."""
READ_AHEAD_TOKENS = 128
"""The same in deltas of the provider's, which are tokens with most: many short ones take little room once joined."""


class Call:
    """What is known of a call. Its task writes here, its readers follow."""

    def __init__(self, key: Key, prompt: Prompt, provider: str, *, protocol: str = "") -> None:
        """`provider` is the name of who may answer; `protocol` is grpc, http, openai or mcp, as the caller came."""
        self.key = key
        self.prompt = prompt
        self._prompt_bytes = prompt.size_bytes
        self.protocol = protocol
        self.provider = provider
        """Who answers; until that is known, everybody who may."""
        self.attempts: list[Attempt] = []
        self.entry_id = ""
        """The gate's own name of the call; empty: it has none, or the call did not come that far."""
        trace = current_trace()
        self.trace = None if trace is None else trace.child()
        """Of the request that made the call; None: it belongs to no trace."""
        self.transcript = Transcript()
        self.priced_as: tuple[str, ...] = ()
        """Other names that a price list may have of the model that answers."""
        self.reasoning_tokens = 0
        """Estimated, of reasoning that the provider showed and that is not passed on."""
        self.started: Started | None = None
        self.finished: Finished | None = None
        self.error: RelayError | None = None
        self.stopped: RelayError | None = None
        """Why the provider call was ended from this side, if it was; the call fails with it."""
        self.cancelled_softly = False
        self.changed = Broadcast()
        """Made when there is more for a reader."""
        self._has_room = Broadcast()
        self._taken = self.transcript.sequence
        """The number of the last delta that a reader has taken; and what had been added then."""
        self._taken_bytes = 0
        self._readers: list[Reader] = []
        self._task: asyncio.Task[None] | None = None
        self._interruptible = False
        self._limit: TimeLimit | None = None
        self._silence_ends = math.inf
        self._now = asyncio.get_running_loop().time
        self.began_at = self._now()
        self.asked_at: float | None = None
        """When the provider was first asked; in the event loop's time, as the others here."""
        self.first_event_at: float | None = None
        self.deadline = 0.0
        """The latest of its readers'."""

    # The side of the call's own task.

    def begin(self, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Starts the call's task, once."""
        if self._task is None:
            self._task = asyncio.create_task(run())

    def begin_asking(self, *, first_event_s: float) -> None:
        """The provider may be asked from now on, until the deadline; only then can the task be interrupted.

        It may be silent for `first_event_s` seconds. Raises the error that the call was stopped with before it began.
        """
        if self.stopped is not None:
            raise self.stopped
        self.asked_at = self._now()
        self._interruptible = True
        self._limit = TimeLimit(self._out_of_time)
        self.expect_event_within(first_event_s)

    def end_asking(self) -> None:
        """The provider is no longer asked."""
        self._interruptible = False
        if self._limit is not None:
            self._limit.stop()
            self._limit = None

    def expect_event_within(self, seconds: float) -> None:
        """Lets the provider be silent for that long, counted from now."""
        self._silence_ends = self._now() + seconds
        self._move_limit()

    def _move_limit(self) -> None:
        if self._limit is not None:
            self._limit.move(min(self._silence_ends, self.deadline))

    def begin_attempt(self, round_: int, provider: str, model: str) -> None:
        """A provider is asked; in a chain, the attempt that has just begun gets its provider's name."""
        last = self.attempts[-1] if self.attempts else None
        if last is not None and last.ended_at is None:
            last.provider, last.model = provider, model
        else:
            trace = None if self.trace is None else self.trace.child()
            set_current_trace(trace)
            now = self._now()
            self.attempts.append(Attempt(round=round_, provider=provider, model=model, began_at=now, trace=trace))

    def end_attempt(self, error: RelayError | None = None) -> None:
        """The attempt that runs has ended; without one that runs, nothing changes."""
        if self.attempts and (last := self.attempts[-1]).ended_at is None:
            if error is not None and error.asked_before:
                self.note_asked_before(error.asked_before)
            last.ended_at, last.error = self._now(), error

    def note_asked_before(self, errors: Iterable[RelayError]) -> None:
        """The attempt that runs was preceded by others that were not worked on, with these errors."""
        last = self.attempts[-1]
        for error in errors:
            error.may_have_worked = error.repeat_helps = False  # it was repeated
            earlier = replace(last, ended_at=self._now(), error=error, responded=False, was_repeated=True)
            earlier.trace = None if last.trace is None else last.trace.sibling()
            self.attempts.insert(-1, earlier)

    def start(self, model: str, priced_as: tuple[str, ...] = ()) -> None:
        """The provider's first event has come; `priced_as` are other names of the model in price lists."""
        self.provider = self.attempts[-1].provider
        self.first_event_at = self._now()
        self.started = self._started(model)
        self.priced_as = priced_as
        if self.key.delivery is Delivery.STREAM:
            self.changed.wake()

    def _started(self, model: str) -> Started:
        return Started(request_id=self.key.request_id, model=model, provider=self.provider)

    def add(self, text: str, count: int = 1, index: int = 0) -> None:
        """More text of a block has come, in `count` provider deltas; raises ProviderProtocol where it is too much."""
        self.transcript.add(text, count, index)
        self._added()

    def add_content(self, piece: ContentPiece) -> None:
        """More has come that is not text; raises ProviderProtocol where it is too much."""
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
        """Waits until a reader has taken enough of a stream; the provider's silence during that time is no fault."""
        if self.key.delivery is Delivery.STREAM:
            while self._is_ahead():
                self.expect_event_within(math.inf)
                await self._has_room.wait()

    def _is_ahead(self) -> bool:
        untaken_bytes = self.transcript.added_bytes - self._taken_bytes
        return untaken_bytes > READ_AHEAD_BYTES or self.transcript.sequence - self._taken > READ_AHEAD_TOKENS

    def finish(self, finished: Finished) -> None:
        """The answer is complete. A stream that was cancelled before its first event has its start too."""
        self.started = self.started or self._started(finished.model)
        if self.key.delivery is Delivery.WHOLE:  # of which nobody has read a part
            self.transcript.join_until(self.transcript.sequence)
        self.finished = finished
        self.changed.wake()

    def fail(self, error: RelayError) -> None:
        """The call has failed."""
        self.error = error
        self._forget_unread()
        self.changed.wake()

    # Ending it before its end: the first reason counts.

    def cancel_softly(self) -> bool:
        """Makes the provider stop; the call ends OK with what it has. Returns whether it was running."""
        if self.ended or self.stopped is not None:
            return False
        if not self.cancelled_softly:
            self.cancelled_softly = True
            self._interrupt()
        return True

    def stop(self, error: RelayError) -> None:
        """Closes the provider's connection; the call fails with `error`, unless it was stopped already."""
        if self.stopped is None and not self.cancelled_softly:
            self.stopped = error
            self._interrupt()

    def _interrupt(self) -> None:
        # Once only: a second interruption would cut the provider's own closing short.
        if self._interruptible and self._task is not None:
            self._interruptible = False
            self._task.cancel()

    def _out_of_time(self) -> None:
        if self.deadline <= self._silence_ends:
            self.stop(DeadlineExceeded())
        else:
            self.stop(ProviderUnavailable("the provider was silent for too long"))

    # Everybody's.

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.finished is not None or self.error is not None

    @property
    def is_left(self) -> bool:
        """Whether nobody reads it any more, although it has not ended."""
        return not self._readers and not self.ended

    @property
    def is_stopping(self) -> bool:
        """Whether it was ended from this side; its end may be yet to come."""
        return self.stopped is not None or self.cancelled_softly

    @property
    def trace_id(self) -> str:
        """Empty: it belongs to no trace."""
        return "" if self.trace is None else self.trace.trace_id

    @property
    def weight(self) -> int:
        """The bytes that it takes, with its prompt and answer."""
        return CALL_BYTES + self._prompt_bytes + self.transcript.bytes

    async def wait(self) -> None:
        """Waits until the call's task is done, if it has begun."""
        if self._task is not None:
            await asyncio.wait([self._task])

    # The readers' side.

    def join(self, reader: Reader) -> None:
        """Counts one more reader; the call may last until the latest reader's deadline."""
        self._readers.append(reader)
        self.deadline = max(self.deadline, reader.deadline)
        self._move_limit()
        for one in self._readers:
            one.call_lasts_until(self.deadline)

    def leave(self, reader: Reader, *, runs_on: bool = False) -> None:
        """Counts one reader less; without readers a call that has not ended is stopped, unless it `runs_on`."""
        self._readers.remove(reader)
        if not self._readers:
            self._forget_unread()
            if not self.ended and not runs_on:
                self.stop(Cancelled())

    def took_all(self) -> None:
        """A reader has taken all that is there."""
        if self.transcript.sequence > self._taken:
            self._taken, self._taken_bytes = self.transcript.sequence, self.transcript.added_bytes
            self._has_room.wake()

    def _forget_unread(self) -> None:
        # A caller who takes no data does not take the status either, which holds on to the call.
        if not self._readers and self.error is not None:
            self.transcript.clear()
