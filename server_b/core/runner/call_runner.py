"""The task of one call: pass the gate, ask the provider, settle, report the end. Every ending takes this path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence, Set

from llm_relay.errors import Cancelled, RelayError
from llm_relay.messages import FinishReason
from llm_relay.trace_context import set_current_trace
from server_b.core.calls.call import Call
from server_b.core.calls.record import CallRecord, Observer
from server_b.core.limits import Patience
from server_b.core.runner.gate import Gate, Reservation
from server_b.core.runner.retry import Outcome, ask
from server_b.core.runner.settlement import Settlement
from server_b.core.unexpected_errors import report
from server_b.providers.base import Chain, Provider


class CallRunner:
    """Runs calls, each once."""

    def __init__(
        self,
        provider: Provider,
        patience: Patience,
        settlement: Settlement,
        gate: Gate,
        observers: Sequence[Observer],
        ended: Callable[[CallRecord, Call], None],
    ) -> None:
        """`ended` is called when the readers have been told the end, before the observers."""
        self._provider = provider
        self._patience = patience
        self._settlement = settlement
        self._gate = gate
        self._observers = observers
        self._ended = ended

    async def run(self, call: Call) -> None:
        """Asks the provider for a call's answer, then settles the call."""
        reservation: Reservation | None = None
        outcome: Outcome | None = None
        error: RelayError | None = None
        may_ask = False
        set_current_trace(call.trace)
        try:
            call.begin_asking(first_event_s=self._patience.first_token_s)
            if not call.cancelled_softly:  # it may have been, while the caller was sent its request_id
                reservation = self._gate.open(call)
                call.entry_id = reservation.entry_id
                allowed = await reservation.reserve()
                may_ask = True
                outcome = await ask(call, _limited(self._provider, allowed), self._patience)
        except asyncio.CancelledError as left:
            if call.attempts:
                call.note_asked_before([before for before in left.args if isinstance(before, RelayError)])
            error = None if call.cancelled_softly else call.stopped or Cancelled()
        except RelayError as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001 - unexpected, and the call still needs an end
            error = report(failure, call.key.request_id)
        call.end_asking()
        call.end_attempt(error)
        for attempt in call.attempts:
            if attempt.error is not None:
                # The traceback refers to the call, which refers to the error: such a cycle waits for the collector.
                attempt.error.__traceback__ = None
        if error is None and outcome is None:
            outcome = Outcome(FinishReason.CANCELLED)
        is_refused = not may_ask and error is not call.stopped
        bound = None if reservation is None else reservation.bound_nano_usd
        record = self._settlement.record(call, outcome, error, bound_nano_usd=bound)
        self._complete(call, record, is_refused=is_refused)
        await self._settle(call, record, reservation)

    @staticmethod
    def _complete(call: Call, record: CallRecord, *, is_refused: bool) -> None:
        """Completes the error of a failed call with what its caller gets to know."""
        error = record.error
        if error is not None:
            error.request_id = call.key.request_id
            if not is_refused:  # a call that the gate refused has spent nothing
                error.spent = record.finished
            error.may_have_worked = any(attempt.may_have_worked for attempt in call.attempts)

    async def _settle(self, call: Call, record: CallRecord, reservation: Reservation | None) -> None:
        try:
            if reservation is not None:
                await reservation.settle(record)
        except Exception as failure:  # noqa: BLE001 - the caller still needs the end
            report(failure, call.key.request_id)
        finally:
            if record.error is None:
                call.finish(record.finished)
            else:
                call.fail(record.error)
            self._ended(record, call)
            self.tell(lambda observer: observer.call_ended(record))

    def tell(self, what: Callable[[Observer], None]) -> None:
        """Tells each observer. An observer that raises fails no call, and the others are still told."""
        for observer in self._observers:
            try:
                what(observer)
            except Exception as failure:  # noqa: BLE001 - an observer must not fail a call
                report(failure)


def _limited(provider: Provider, allowed: Set[str] | None) -> Provider:
    return provider.limited_to(allowed) if allowed is not None and isinstance(provider, Chain) else provider
