"""The core: what holds for every call, over whatever protocol it arrives.

The Relay admits calls (limits, idempotency) and lets callers read them. server_b.core.runner.call_runner asks the
provider and settles each call.
"""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime

from llm_relay.announced_retry import ClientRetry
from llm_relay.errors import OVERLOADED_RETRY_AFTER_S, Draining, Overloaded, RelayError
from llm_relay.messages import NO_OPTIONS, Answer, Event, Models, Prompt, State, Status
from llm_relay.trace_context import current_trace_id
from server_b.core.calls.admission import Admission
from server_b.core.calls.call import Call
from server_b.core.calls.call_key import Delivery, Key
from server_b.core.calls.deadlines import deadline_after, reader_is_late
from server_b.core.calls.reader import Reader
from server_b.core.calls.record import CallRecord, Observer, RefusedRecord
from server_b.core.limits import Limits
from server_b.core.models.model_cache import ModelCache
from server_b.core.provider_health import ProviderHealth
from server_b.core.repeats.call_registry import CallRegistry
from server_b.core.repeats.timed_out_clients import TimedOutCalls
from server_b.core.runner.call_runner import CallRunner
from server_b.core.runner.gate import Gate, OpenGate
from server_b.core.runner.settlement import Settlement
from server_b.pricing.price_list import PriceList
from server_b.providers.base import Defaults, Provider

SERVER_NAME = "Server B"
CLOSE_S = 5.0
"""How long calls that still run at shutdown may take to be settled, in seconds."""


class Relay:
    """Asks one provider on behalf of many callers. Must be created and used on one running event loop."""

    def __init__(
        self,
        provider: Provider,
        *,
        prices: Mapping[str, PriceList],
        defaults: Defaults,
        limits: Limits | None = None,
        gate: Gate | None = None,
        observers: Sequence[Observer] = (),
        version: str = "",
    ) -> None:
        """`prices` are price lists by provider name; a provider made of several needs one for each name.

        A call passes the `gate` before the provider is asked. `observers` are told of its end.
        """
        self._provider = provider
        self._defaults = defaults
        self._limits = limits or Limits()
        self._version = version
        self._now = asyncio.get_running_loop().time
        self._calls = CallRegistry(self._limits.answer_keep_s, self._now)
        self._timed_out = TimedOutCalls(self._limits.retry_grace_s, self._now)
        self._settlement = Settlement(prices, default_model=provider.default_model)
        self._gate = gate or OpenGate()
        self._runner = CallRunner(provider, self._limits.patience, self._settlement, self._gate, observers, self._ended)
        self._models = ModelCache(provider, prices)
        self._health = ProviderHealth(provider.name)
        self._readers = 0
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._processed = 0

    @property
    def provider_name(self) -> str:
        """The provider's name, or several names separated by commas."""
        return self._provider.name

    @property
    def running_calls(self) -> int:
        """How many calls run now."""
        return len(self._calls)

    @property
    def most_calls(self) -> int:
        """How many calls may run at once; further calls raise Overloaded."""
        return self._limits.concurrent_calls

    # Calls.

    async def process(
        self, prompt: Prompt, *, caller: str, protocol: str = "", timeout_s: float | None = None
    ) -> Answer:
        """Returns the whole answer, or raises a RelayError. `timeout_s` is the caller's deadline, in seconds."""
        admission = self.admit(prompt, caller=caller, delivery=Delivery.WHOLE, protocol=protocol, timeout_s=timeout_s)
        async with admission as reader:
            return await reader.answer()

    async def stream_process(
        self, prompt: Prompt, *, caller: str, protocol: str = "", timeout_s: float | None = None
    ) -> AsyncGenerator[Event, None]:
        """Yields one Started, Deltas and one Finished, or raises a RelayError. Closing it leaves the call."""
        admission = self.admit(prompt, caller=caller, delivery=Delivery.STREAM, protocol=protocol, timeout_s=timeout_s)
        async with admission as reader:
            async for event in reader.events():
                yield event

    def admit(
        self,
        prompt: Prompt,
        *,
        caller: str,
        delivery: Delivery,
        protocol: str = "",
        timeout_s: float | None = None,
        client_retry: ClientRetry | None = None,
    ) -> Admission:
        """Joins the call with this key, or creates one. The provider is asked when the reader first reads.

        A repeat, which `client_retry` announces, joins the call that its client left on a timeout, whatever its
        request_id. Entering the context raises Overloaded, Draining, InvalidRequest if the key was used for another
        prompt, or Unsupported for what the provider does not take.
        """
        key = Key(caller, prompt.request_id or str(uuid.uuid4()), delivery)
        return Admission(functools.partial(self._enter, key, prompt, protocol, timeout_s, client_retry), self._leave)

    def ignored_options(self, prompt: Prompt) -> tuple[str, ...]:
        """Returns the fields of the prompt's options that have no effect at the provider."""
        return () if prompt.options is NO_OPTIONS else tuple(self._provider.ignored_options(prompt))

    def cancel(self, request_id: str, *, caller: str) -> bool:
        """Ends this caller's running calls with that id, with what has arrived. Returns whether there were any."""
        running = self._calls.find_running(caller, request_id)
        return sum(call.cancel_softly() for call in running) > 0

    def _enter(
        self, key: Key, prompt: Prompt, protocol: str, timeout_s: float | None, client_retry: ClientRetry | None
    ) -> Reader:
        call = self._find(key, prompt, client_retry)
        shares = "" if call is None else "replayed" if call.ended else "joined"
        reader = Reader(
            call or self._new_call(key, prompt, protocol),
            deadline_after(self._limits.timeout_s if timeout_s is None else timeout_s, self._now()),
            protocol=protocol,
            shares=shares,
            begin=self._begin,
            too_late=self._too_late,
            client_retry=client_retry,
        )
        self._readers += 1
        self._idle.clear()
        return reader

    def _find(self, key: Key, prompt: Prompt, client_retry: ClientRetry | None) -> Call | None:
        call = self._calls.find(key, prompt)
        if call is not None:
            self._timed_out.forget(key)
        elif client_retry is not None:
            call = self._timed_out.take(key, prompt, client_retry)
        return call

    def _leave(self, reader: Reader, by_itself: bool) -> None:
        call = reader.call
        self._readers -= 1
        runs_on = by_itself and not call.is_stopping and self._timed_out.expects_repeat(reader)
        reader.leave(runs_on=runs_on)
        if runs_on and call.is_left and reader.client_retry is not None:
            self._timed_out.add(call, reader.client_retry)
        if call.is_left:  # a call that never began is settled too
            self._begin(call)
        self._notice_idle()
        if reader.shares:
            self._tell_shared(reader, call)

    def _new_call(self, key: Key, prompt: Prompt, protocol: str) -> Call:
        if self._draining:
            raise Draining(request_id=key.request_id, may_have_worked=False)
        self._refuse_unsupported(key, prompt)
        if len(self._calls) >= self._limits.concurrent_calls:
            raise Overloaded(request_id=key.request_id, retry_after_s=OVERLOADED_RETRY_AFTER_S)
        call = Call(key, prompt, self._provider.name, protocol=protocol)
        if self._calls.running_bytes + call.weight > self._limits.running_bytes:
            text = "the running calls hold too much text; try again later"
            raise Overloaded(text, request_id=key.request_id, retry_after_s=OVERLOADED_RETRY_AFTER_S)
        self._calls.add(call)
        return call

    def _refuse_unsupported(self, key: Key, prompt: Prompt) -> None:
        try:
            self._provider.refuse_unsupported(prompt)
        except RelayError as error:
            error.request_id = key.request_id
            raise

    def _begin(self, call: Call) -> None:
        if not call.ended:
            call.begin(functools.partial(self._runner.run, call))

    def _too_late(self, call: Call) -> RelayError:
        return reader_is_late(call.key.request_id, call.attempts, self._settlement.still_running(call))

    def _ended(self, record: CallRecord, call: Call) -> None:
        self._processed += 1
        self._health.note(record)
        keep = record.error is None and not call.cancelled_softly
        self._timed_out.ended(call, keep=keep)
        self._calls.end(call, keep=keep)
        self._notice_idle()

    def _tell_shared(self, reader: Reader, call: Call) -> None:
        record = reader.shared_record()
        if call.entry_id:
            self._gate.note_joined(call.entry_id)
        self._runner.tell(lambda observer: observer.call_shared(record))

    def tell_refused(self, rpc: str, error: RelayError, *, protocol: str = "grpc", caller: str = "") -> None:
        """Tells the observers of a request that was refused before it was admitted."""
        record = RefusedRecord(rpc=rpc, protocol=protocol, error=error, caller=caller, trace_id=current_trace_id())
        self._runner.tell(lambda observer: observer.call_refused(record))

    def _notice_idle(self) -> None:
        # A caller may still be reading the answer of a call that has ended.
        if not self._readers and not len(self._calls):
            self._idle.set()

    # Models, status and shutdown.

    async def list_models(self) -> Models:
        """Returns the models that the provider offers; the list may be a few seconds old."""
        return await self._models.get()

    def status(self) -> Status:
        """Returns health and configuration. The state is DEGRADED also while the gate lets no call pass."""
        degraded = self._draining or self._health.error or not self._gate.is_ready
        return Status(
            server=SERVER_NAME,
            version=self._version,
            state=State.DEGRADED if degraded else State.HEALTHY,
            provider=self._provider.name,
            provider_configured=True,
            provider_state=self._health.state,
            provider_error=self._health.error,
            calls_processed=self._processed,
            default_model=self._provider.default_model,
            default_temperature=self._defaults.temperature,
            default_max_tokens=self._defaults.max_tokens,
            observed_at=datetime.now(UTC),
        )

    def drain(self) -> None:
        """Refuses new calls from now on. Running calls continue, unless they only wait for a client's repeat."""
        self._draining = True
        self._timed_out.close()

    async def wait_idle(self, grace_s: float) -> bool:
        """Waits at most `grace_s` seconds until no call runs or is read. Stops the rest; returns whether none was."""
        try:
            async with asyncio.timeout(grace_s):
                await self._idle.wait()
        except TimeoutError:
            for call in self._calls:
                call.stop(Draining())
            return False
        return True

    async def aclose(self) -> None:
        """Stops what still runs, waits until it is settled, and closes the observers."""
        self._timed_out.close()
        running = list(self._calls)
        for call in running:
            call.stop(Draining())
            self._begin(call)
        if running:
            await asyncio.wait([asyncio.create_task(call.wait()) for call in running], timeout=CLOSE_S)
        self._calls.kept.close()
        self._runner.tell(lambda observer: observer.close())
