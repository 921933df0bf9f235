"""The record of a call that has ended, and the interface of its observers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from llm_relay.errors import RelayError
from llm_relay.messages import Finished
from llm_relay.trace_context import TraceContext
from server_b.core.calls.attempt import Attempt
from server_b.core.calls.call_key import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One call that has ended, whatever its end; times in seconds from admission."""

    key: Key
    protocol: str
    """How the caller reached the relay: grpc, http, openai or mcp; empty: from Python."""
    provider: str
    """Who answered; of a call that nobody answered, everybody who might have."""
    attempts: tuple[Attempt, ...]
    """Every request to a provider, in order; empty: none was asked."""
    finished: Finished
    """Usage, cost, model, tier, duration and finish reason."""
    error: RelayError | None
    """None: it ended well."""
    queue_s: float | None
    """Until the provider was first asked; None: it was not."""
    first_token_s: float | None
    """Until the provider's first event; None: there was none."""
    trace: TraceContext | None = None
    """Of the request that made the call; None: it belongs to no trace."""

    @property
    def outcome(self) -> str:
        """The error's reason, or the finish reason."""
        if self.error is not None:
            return self.error.reason
        return self.finished.finish_reason.value if self.finished.finish_reason else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRecord:
    """A request that was given another one's answer, which costs nothing."""

    key: Key
    protocol: str
    provider: str
    outcome: str
    """joined: the call was running; replayed: its answer was kept."""
    duration_s: float
    trace: TraceContext | None = None
    """Of this request; None: it belongs to no trace."""
    joined: TraceContext | None = None
    """Of the call that it joined, where that belongs to a trace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRecord:
    """A request that was refused before it was admitted."""

    rpc: str
    protocol: str
    error: RelayError
    trace_id: str = ""
    """Of the trace that the request belongs to; empty: none."""


class Refused(Protocol):
    """Receives a request that was refused before it was admitted."""

    def __call__(self, rpc: str, error: RelayError, *, protocol: str = "grpc") -> None: ...


class Observer(Protocol):
    """Receives what has ended, after the callers. What it raises is logged and fails no call."""

    def call_ended(self, record: CallRecord) -> None:
        """A call has ended."""
        ...

    def call_shared(self, record: SharedRecord) -> None:
        """A reader has left who joined a call, or was given a kept answer."""
        ...

    def call_refused(self, record: RefusedRecord) -> None:
        """A request was not admitted."""
        ...

    def close(self) -> None:
        """Nothing more will be told."""
        ...
