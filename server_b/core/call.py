"""One call to a provider, and its readers.

The call runs in a task of its own and writes down what comes; each reader follows from the beginning, so
that a second request with the same key joins the call instead of paying for another one. When the last
reader leaves before the end, the provider call is aborted.
"""

from __future__ import annotations

import asyncio
import enum
import math
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from llm_relay.errors import Cancelled, ProviderProtocol, RelayError
from llm_relay.messages import Answer, Delta, Event, Finished, Prompt, Started
from server_b.core.broadcast import Waiters

Result = TypeVar("Result")

MAX_ANSWER_CHARS = 16 * 1024 * 1024
"""More than any model says; a provider that does not end is not gathered without end."""
READ_AHEAD_CHARS = 256 * 1024
"""How much text a call may hold that no reader has taken yet, before the provider is made to wait."""


class Kind(enum.StrEnum):
    """How the caller asked; a part of the idempotency key."""

    WHOLE = "Process"
    STREAM = "StreamProcess"


class Key(NamedTuple):
    """What makes two requests the same one."""

    caller: str
    request_id: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Failure:
    """One provider of several that did not answer."""

    attempt: int
    provider: str
    error: RelayError
    retry_after_s: float | None
    """Its own: the error that is told for all of them bears the shortest."""


class Kept(NamedTuple):
    """What is kept of a call for a caller who asks again: no more than its answer, for there are thousands."""

    prompt: Prompt
    started: Started
    finished: Finished
    text: str
    delta_count: int

    @property
    def prompt_chars(self) -> int:
        """How much text the prompt has, in characters."""
        return self.prompt.text_chars

    @property
    def text_chars(self) -> int:
        """How much text the answer has, in characters."""
        return len(self.text)


class Call:
    """What is known of a call so far. The Relay writes it, readers follow it."""

    def __init__(self, key: Key, prompt: Prompt, provider: str, door: str = "") -> None:
        self.key = key
        self.prompt = prompt
        self.prompt_chars = prompt.text_chars
        self.door = door
        self.provider = provider
        """Who answers; until that is known, all who may."""
        self.failures: list[Failure] = []
        """Of those who may answer, in the order in which they were asked; empty where there is but one."""
        self.started: Started | None = None
        self.finished: Finished | None = None
        self.error: RelayError | None = None
        self.delta_count = 0
        self.text_chars = 0
        self.cancelled_softly = False
        self.aborted: RelayError | None = None
        """Why the provider's connection was closed before the end, if it was."""
        self._texts: list[tuple[str, int]] = []
        self._changed = Waiters()
        self._taken = Waiters()
        self._over = Waiters()
        self._most_taken = 0
        self._readers = 0
        self._task: asyncio.Task[Any] | None = None
        self._scope: asyncio.Timeout | None = None
        self._silence_ends = math.inf
        self.began_at = asyncio.get_running_loop().time()
        self.asked_at: float | None = None
        """When the provider was first asked."""
        self.first_piece_at: float | None = None
        self.attempts = 0
        self.deadline = 0.0
        """In the event loop's time, as the others here; the latest of its readers'."""

    # The Relay's side.

    def begin(
        self, ask: Callable[[], Coroutine[Any, Any, Result]], settle: Callable[[asyncio.Task[Result]], None]
    ) -> None:
        """Starts the task that asks the provider, once; `settle` hears of its end, whatever it is."""
        if self._task is None and not self.ended:
            task = asyncio.create_task(ask())
            task.add_done_callback(settle)
            self._task = task

    def patience(self) -> asyncio.Timeout:
        """Makes the time limit under which the provider is asked; Cancel and a later deadline move it."""
        self.asked_at = asyncio.get_running_loop().time()
        self._scope = asyncio.timeout_at(self.deadline)
        return self._scope

    @property
    def out_of_time(self) -> bool:
        """Whether the limit in force is the deadline, not the provider's silence."""
        return self.deadline <= self._silence_ends

    def expect_word_within(self, seconds: float) -> None:
        """Moves the time limit to `seconds` from now, or the deadline if that comes first."""
        self._silence_ends = asyncio.get_running_loop().time() + seconds
        self._reschedule()

    def _reschedule(self) -> None:
        if self._scope is not None and self._is_asking and not self._scope.expired():
            now = asyncio.get_running_loop().time()
            limit = now if self.cancelled_softly else min(self._silence_ends, self.deadline)
            if limit != self._scope.when():
                self._scope.reschedule(limit)

    def note_failure(self, provider: str, error: RelayError) -> None:
        """One of several providers has failed before it began to answer."""
        self.failures.append(Failure(self.attempts, provider, error, error.retry_after_s))

    def start(self, model: str, provider: str = "") -> None:
        """The provider's first event has come; `provider` where there are several."""
        self.provider = provider or self.provider
        self.first_piece_at = asyncio.get_running_loop().time()
        self.started = self._started(model)
        self._changed.wake()

    def _started(self, model: str) -> Started:
        return Started(request_id=self.key.request_id, model=model, provider=self.provider)

    def add(self, text: str, count: int = 1) -> None:
        """More text has come, made of `count` provider deltas; raises ProviderProtocol where it is too much."""
        self.delta_count += count
        self.text_chars += len(text)
        if self.text_chars > MAX_ANSWER_CHARS:
            raise ProviderProtocol(f"the provider's answer is longer than {MAX_ANSWER_CHARS} characters")
        self._texts.append((text, self.delta_count))
        self._changed.wake()

    async def room(self) -> None:
        """Waits until a reader has taken enough of what was added; the provider's silence meanwhile is no fault."""
        while self.text_chars - self._most_taken > READ_AHEAD_CHARS:
            self.expect_word_within(math.inf)
            await self._taken.wait()

    def finish(self, finished: Finished) -> None:
        """The answer is complete; a stream has its start even where Cancel came before the provider's first event."""
        self.started = self.started or self._started(finished.model)
        self.finished = finished
        self._end()

    def fail(self, error: RelayError) -> None:
        """The call has failed."""
        self.error = error
        self._forget_unread()
        self._end()

    def _end(self) -> None:
        self._changed.wake()
        self._over.wake()

    # Everybody's.

    @property
    def _is_asking(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.finished is not None or self.error is not None

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(text for text, _ in self._texts)

    def kept(self) -> Kept | None:
        """Returns what is kept of a call that has ended well; None of another."""
        if self.started is None or self.finished is None:
            return None
        return Kept(self.prompt, self.started, self.finished, self.text, self.delta_count)

    @classmethod
    def of_kept(cls, key: Key, kept: Kept) -> Call:
        """Makes the call that a caller who asks again reads."""
        call = cls(key, kept.prompt, kept.started.provider)
        call.started, call.finished = kept.started, kept.finished
        call.delta_count, call.text_chars = kept.delta_count, kept.text_chars
        call._texts = [(kept.text, kept.delta_count)] if kept.text else []
        return call

    def cancel_softly(self) -> bool:
        """Makes the provider stop; the call ends OK with what it has. Returns whether it was running."""
        if self.ended:
            return False
        self.cancelled_softly = True
        self._reschedule()
        return True

    def abort(self, error: RelayError) -> bool:
        """Closes the provider's connection; the call fails with `error`. Returns whether it had begun."""
        if (
            self._task is not None and self.aborted is None
        ):  # a second cancel would cut the provider's own closing short
            self._task.cancel()
        self.aborted = self.aborted or error
        return self._task is not None

    # The readers' side.

    def join(self, deadline: float) -> None:
        """Counts one more reader; the call may last until the latest reader's deadline."""
        self._readers += 1
        if deadline > self.deadline:
            self.deadline = deadline
            self._reschedule()

    def leave(self) -> bool:
        """Counts one reader less; without readers a running call is aborted. Returns whether it was never begun."""
        self._readers -= 1
        self._forget_unread()
        return self._readers == 0 and not self.ended and not self.abort(Cancelled())

    def _forget_unread(self) -> None:
        # A caller who takes no data does not take the status either, which holds on to the call.
        if self._readers == 0 and self.error is not None:
            self._texts.clear()

    async def events(self) -> AsyncIterator[Event]:
        """Yields the events from the first one on; what has gathered since the last look is one Delta.

        Raises the RelayError that the call ends with.
        """
        seen, taken = 0, 0
        told_start = False
        while True:
            if self.started is not None and not told_start:
                told_start = True
                yield self.started
            while seen < len(self._texts):
                fresh, seen = self._texts[seen:], len(self._texts)
                text = fresh[0][0] if len(fresh) == 1 else "".join(text for text, _ in fresh)
                taken += len(text)
                self._take(taken)
                yield Delta(text=text, sequence=1 + fresh[-1][1])
            if self.error is not None:
                raise self.error
            if self.finished is not None:
                yield self.finished
                return
            await self._changed.wait()

    def _take(self, taken: int) -> None:
        if taken > self._most_taken:
            self._most_taken = taken
            self._taken.wake()

    async def answer(self) -> Answer:
        """Waits for the whole answer; raises the RelayError that the call ends with."""
        while self.finished is None:
            if self.error is not None:
                raise self.error
            await self._over.wait()
        return Answer(request_id=self.key.request_id, text=self.text, provider=self.provider, finished=self.finished)
