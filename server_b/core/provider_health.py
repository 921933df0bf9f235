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
    """Follows the calls that have ended; of several providers, it names each that failed in the last try."""

    def __init__(self, provider: str) -> None:
        """`provider` is the name of the one that is asked, of several their names with commas."""
        self._provider = provider
        self._answered = False
        self.error = ""
        """The reason of the last failure; empty: none since the last success."""

    def note(self, record: CallRecord) -> None:
        """Takes from a call that has ended how the provider is."""
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
        """Unspecified until a call has told."""
        if self.error:
            return State.DEGRADED
        return State.HEALTHY if self._answered or self._provider == "mock" else State.UNSPECIFIED

    def _fault(self, attempt: Attempt) -> str:
        reason = attempt.error.reason if attempt.error else ""
        return reason if attempt.provider == self._provider else f"{reason} {attempt.provider}"


def _is_fault(attempt: Attempt) -> bool:
    """Tells whether an attempt failed by the provider's fault; one is to be silent until the caller's deadline."""
    if attempt.was_repeated:
        return False
    silent = isinstance(attempt.error, DeadlineExceeded) and not attempt.responded
    return silent or isinstance(attempt.error, FAULTS)
