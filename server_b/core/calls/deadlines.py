"""Deadlines: when the time for a call is up, and the error that it then ends with."""

from __future__ import annotations

from collections.abc import Iterable

from llm_relay.errors import DeadlineExceeded, ProviderUnavailable, RelayError
from llm_relay.messages import Finished
from server_b.core.calls.attempt import Attempt


def deadline_after(timeout_s: float, now: float) -> float:
    """Returns the deadline of a request with this timeout: a little early, so that the status still arrives in time."""
    return now + timeout_s - min(0.1, timeout_s * 0.05)


def time_is_up(*, deadline: float, silence_ends: float) -> RelayError:
    """Returns the error of a call whose time is up: by its deadline, or because the provider sent nothing."""
    if deadline <= silence_ends:
        return DeadlineExceeded()
    return ProviderUnavailable("the provider was silent for too long")


def reader_is_late(request_id: str, attempts: Iterable[Attempt], spent: Finished) -> RelayError:
    """Returns the error for a reader whose deadline has passed while the call continues for others.

    `spent` has no usage and no cost. They are known when the call ends, and a caller is told only what is recorded.
    """
    worked = any(attempt.may_have_worked for attempt in attempts)
    text = (
        "the deadline of this request has passed; its call continues for another request, so its cost is not known yet"
    )
    return DeadlineExceeded(text, request_id=request_id, spent=spent, may_have_worked=worked)
