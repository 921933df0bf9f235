"""The core: what holds for every call, through whichever door it came.

A call is admitted (limits, idempotency), the provider is asked (server_b.core.retry), and at every end the
call is settled: what was used, what it cost, one line in the log.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from llm_relay.errors import (
    OVERLOADED_RETRY_AFTER_S,
    Cancelled,
    Draining,
    Internal,
    Overloaded,
    ProviderAuth,
    ProviderProtocol,
    ProviderRateLimited,
    ProviderUnavailable,
    RelayError,
)
from llm_relay.messages import Answer, Cost, Event, Finished, Models, Prompt, State, Status, Usage
from llm_relay.program.unexpected import class_and_place
from server_b.core.call import Call, Key, Kind
from server_b.core.call_log import CallLog
from server_b.core.calls import Calls
from server_b.core.content import refuse_content
from server_b.core.retry import Outcome, Patience, ask
from server_b.core.settlement import settled_usage
from server_b.providers.base import Defaults, Provider

SERVER_NAME = "Server B"
PROVIDER_FAULTS = (ProviderAuth, ProviderProtocol, ProviderRateLimited, ProviderUnavailable)

logger = logging.getLogger("relay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much and how long; times in seconds."""

    timeout_s: float = 120.0
    """Deadline of a call whose caller sets none."""
    concurrent_calls: int = 1000
    running_chars: int = 256 * 1024 * 1024
    """How much text the running calls may hold, prompts and answers, before new ones are OVERLOADED."""
    answer_keep_s: float = 300.0
    """How long an answer is kept for a caller who repeats the request."""
    patience: Patience = field(default_factory=Patience)


class Admission:
    """A reader's stay with a call: from the admission until the context ends."""

    __slots__ = ("_call", "_leave")

    def __init__(self, call: Call, leave: Callable[[Call], None]) -> None:
        self._call = call
        self._leave = leave

    def __enter__(self) -> Call:
        return self._call

    def __exit__(self, *_: object) -> None:
        self._leave(self._call)


class Relay:
    """Asks one provider on behalf of many callers. Made and used on one running event loop."""

    def __init__(
        self,
        provider: Provider,
        *,
        price: Callable[[str, str, Usage], Cost],
        defaults: Defaults,
        limits: Limits | None = None,
        version: str = "",
    ) -> None:
        """`price` tells the cost of a usage, by provider and model."""
        self._provider = provider
        self._price = price
        self._defaults = defaults
        self._limits = limits or Limits()
        self._version = version
        self._now = asyncio.get_running_loop().time
        self._calls = Calls(self._limits.answer_keep_s, self._now)
        self._log = CallLog()
        self._readers = 0
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._processed = 0
        self._provider_error = ""
        self._provider_answered = False

    @property
    def most_calls(self) -> int:
        """How many calls may run at once; more are Overloaded."""
        return self._limits.concurrent_calls

    # Calls.

    async def process(self, prompt: Prompt, *, caller: str, door: str = "", timeout_s: float | None = None) -> Answer:
        """Answers a prompt whole; raises a RelayError. `timeout_s` is the caller's deadline, in seconds."""
        with self.admit(prompt, caller=caller, kind=Kind.WHOLE, door=door, timeout_s=timeout_s) as call:
            return await self.answer(call)

    async def stream_process(
        self, prompt: Prompt, *, caller: str, door: str = "", timeout_s: float | None = None
    ) -> AsyncGenerator[Event, None]:
        """Yields one Started, Deltas and one Finished, or raises a RelayError; closing it leaves the call."""
        with self.admit(prompt, caller=caller, kind=Kind.STREAM, door=door, timeout_s=timeout_s) as call:
            async for event in self.events(call):
                yield event

    def admit(
        self, prompt: Prompt, *, caller: str, kind: Kind, door: str = "", timeout_s: float | None = None
    ) -> Admission:
        """Admits a request, or joins it to the call that has its key; nothing is asked of the provider yet.

        The context that is returned yields the call, and leaves it at its end. `door` is for the log. Raises Draining,
        Overloaded, InvalidRequest on request_id, or Unsupported for a prompt with more than text.
        """
        refuse_content(prompt)
        key = Key(caller, prompt.request_id or str(uuid.uuid4()), kind)
        call = self._calls.find(key, prompt) or self._new_call(key, prompt, door)
        call.join(self._deadline(timeout_s))
        self._readers += 1
        self._idle.clear()
        return Admission(call, self._leave)

    def _leave(self, call: Call) -> None:
        self._readers -= 1
        if call.leave():
            self._processed += 1
            self._calls.end(call, keep=False)
        self._notice_idle()

    async def answer(self, call: Call) -> Answer:
        """Asks the provider, unless that has begun, and waits for the whole answer."""
        self._begin(call)
        return await call.answer()

    def events(self, call: Call) -> AsyncIterator[Event]:
        """Asks the provider, unless that has begun, and yields the call's events from the first."""
        self._begin(call)
        return call.events()

    def cancel(self, request_id: str, *, caller: str) -> bool:
        """Stops this caller's running calls with that id softly; returns whether there were any."""
        running = self._calls.find_running(caller, request_id)
        return sum(call.cancel_softly() for call in running) > 0

    def _new_call(self, key: Key, prompt: Prompt, door: str) -> Call:
        if self._draining:
            raise Draining(request_id=key.request_id)
        if len(self._calls) >= self._limits.concurrent_calls:
            raise Overloaded(request_id=key.request_id, retry_after_s=OVERLOADED_RETRY_AFTER_S)
        if self._calls.running_chars + prompt.text_chars > self._limits.running_chars:
            text = "the running calls hold too much text; try again later"
            raise Overloaded(text, request_id=key.request_id, retry_after_s=OVERLOADED_RETRY_AFTER_S)
        call = Call(key, prompt, self._provider.name, door)
        self._calls.add(call)
        return call

    def _deadline(self, timeout_s: float | None) -> float:
        given_s = self._limits.timeout_s if timeout_s is None else timeout_s
        # A little early, so that the status with what was spent still reaches the caller.
        return self._now() + given_s - min(0.1, given_s * 0.05)

    def _begin(self, call: Call) -> None:
        call.begin(
            functools.partial(ask, call, self._provider, self._limits.patience), functools.partial(self._settle, call)
        )

    # Settlement: runs once for each call that was begun, whatever its end.

    def _settle(self, call: Call, task: asyncio.Task[Outcome]) -> None:
        error = None if task.cancelled() else task.exception()
        if task.cancelled():
            failure: RelayError | None = call.aborted or Cancelled()
        elif error is None or isinstance(error, RelayError):
            failure = error
        else:
            failure = self.report(error, request_id=call.key.request_id)
        outcome = None if failure else task.result()
        finished = self._finished(call, outcome, failure)
        self._note_health(call, failure)
        if failure is None:
            call.finish(finished)
        else:
            failure.request_id, failure.spent = call.key.request_id, finished
            call.fail(failure)
        self._processed += 1
        self._calls.end(call, keep=failure is None and not call.cancelled_softly)
        self._notice_idle()
        self._log.note(call, finished, failure)

    def _finished(self, call: Call, outcome: Outcome | None, failure: RelayError | None) -> Finished:
        model = call.started.model if call.started else call.prompt.model or self._provider.default_model
        usage = settled_usage(call, outcome.usage if outcome else None, failure)
        return Finished(
            finish_reason=outcome.finish_reason if outcome else None,
            model=model,
            usage=usage,
            cost=self._cost(call.provider, model, usage, call.key.request_id),
            completed_at=datetime.now(UTC),
            duration_s=self._now() - call.began_at,
            sequence=call.delta_count + 2,
        )

    def _cost(self, provider: str, model: str, usage: Usage, request_id: str) -> Cost:
        try:
            return self._price(provider, model, usage)
        except Exception as error:  # noqa: BLE001 - a call without an end would keep its readers waiting for ever
            self.report(error, request_id=request_id)
            return Cost()

    def _note_health(self, call: Call, failure: RelayError | None) -> None:
        """Takes from a call that has ended how the provider is; of several, each that failed in the last try."""
        failed = [(one.provider, one.error) for one in call.failures if one.attempt == call.attempts]
        if failure is not None and all(error is not failure for _, error in failed):
            failed.append((call.provider, failure))
        faults = [self._fault(name, error) for name, error in failed if isinstance(error, PROVIDER_FAULTS)]
        if failure is None or faults:
            self._provider_error = ", ".join(faults)
        self._provider_answered = self._provider_answered or failure is None

    def _fault(self, name: str, error: RelayError) -> str:
        return error.reason if name == self._provider.name else f"{error.reason} {name}"

    def _notice_idle(self) -> None:
        # A caller may still be reading the answer of a call that has ended.
        if not self._readers and not len(self._calls):
            self._idle.set()

    def report(self, error: BaseException, *, request_id: str = "") -> RelayError:
        """Logs an error that nobody foresaw, by its class and place only, and returns what a caller may know."""
        logger.error("request_id=%s unexpected %s", request_id, class_and_place(error))
        return Internal(f"internal error (request_id {request_id})" if request_id else "", request_id=request_id)

    # The rest.

    async def list_models(self) -> Models:
        """Lists the models that the provider offers."""
        return await self._provider.list_models()

    def status(self) -> Status:
        """Tells health and the configuration in force."""
        degraded = self._draining or self._provider_error
        return Status(
            server=SERVER_NAME,
            version=self._version,
            state=State.DEGRADED if degraded else State.HEALTHY,
            provider=self._provider.name,
            provider_configured=True,
            provider_state=self._provider_state(),
            provider_error=self._provider_error,
            calls_processed=self._processed,
            default_model=self._provider.default_model,
            default_temperature=self._defaults.temperature,
            default_max_tokens=self._defaults.max_tokens,
            observed_at=datetime.now(UTC),
        )

    def _provider_state(self) -> State:
        if self._provider_error:
            return State.DEGRADED
        return State.HEALTHY if self._provider_answered or self._provider.name == "mock" else State.UNSPECIFIED

    def drain(self) -> None:
        """Refuses new calls from now on; running ones go on."""
        self._draining = True

    async def wait_idle(self, grace_s: float) -> bool:
        """Waits until no call runs or is read, `grace_s` seconds at most, then aborts; returns whether none was."""
        try:
            async with asyncio.timeout(grace_s):
                await self._idle.wait()
        except TimeoutError:
            for call in self._calls:
                call.abort(Draining())
            return False
        return True

    def close(self) -> None:
        """Writes what the log has gathered."""
        self._log.flush()
