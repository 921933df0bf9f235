"""The health of the provider, judged by the last call."""

from __future__ import annotations

from llm_relay.errors import (
    DeadlineExceeded,
    ProviderAuth,
    ProviderProtocol,
    ProviderRateLimited,
    ProviderUnavailable,
)
from llm_relay.messages import FinishReason, State
from server_b.core.calls.attempt import Attempt
from server_b.core.calls.record import CallRecord

FAULTS = (ProviderAuth, ProviderProtocol, ProviderRateLimited, ProviderUnavailable)
"""Errors that are the provider's fault, or the account's; others are the request's or the caller's."""


class ProviderHealth:
    """Judges by the calls that have ended. Of several providers, `error` names each that failed in the last try."""

    def __init__(self, provider: str) -> None:
        """`provider` is the provider's name, or several names separated by commas."""
        self._provider = provider
        self._answered = False
        self.error = ""
        """Reason of the last failure; empty: there was none since the last success."""

    def note(self, record: CallRecord) -> None:
        """Updates the health by a call that has ended."""
        if not record.attempts:
            return
        last = record.attempts[-1]
        faults = [self._fault(one) for one in record.attempts if one.round == last.round and _is_fault(one)]
        answered = record.error is None and (
            last.responded or record.finished.finish_reason is not FinishReason.CANCELLED
        )
        if answered or faults:
            self.error = ", ".join(faults)
        self._answered = self._answered or answered

    @property
    def state(self) -> State:
        """State of the provider; UNSPECIFIED until a call has shown it."""
        if self.error:
            return State.DEGRADED
        return State.HEALTHY if self._answered or self._provider == "mock" else State.UNSPECIFIED

    def _fault(self, attempt: Attempt) -> str:
        reason = attempt.error.reason if attempt.error else ""
        return reason if attempt.provider == self._provider else f"{reason} {attempt.provider}"


def _is_fault(attempt: Attempt) -> bool:
    """Tells whether a failed attempt is the provider's fault. Silence until the caller's deadline is."""
    if attempt.was_repeated:
        return False
    silent = isinstance(attempt.error, DeadlineExceeded) and not attempt.responded
    return silent or isinstance(attempt.error, FAULTS)
