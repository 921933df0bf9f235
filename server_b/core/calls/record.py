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
    """One call that has ended, well or not. Times are in seconds from admission."""

    key: Key
    protocol: str
    """How the caller reached the relay: grpc, http, openai or mcp; empty: from Python."""
    provider: str
    """Name of the provider that answered; if none did, the names of all that might have."""
    attempts: tuple[Attempt, ...]
    """Every request to a provider, in order; empty: none was asked."""
    finished: Finished
    """Usage, cost, model, tier, duration and finish reason."""
    error: RelayError | None
    """None: the call ended well."""
    queue_s: float | None
    """Time until the provider was first asked; None: it was not asked."""
    first_token_s: float | None
    """Time until the provider's first event; None: there was none."""
    overrun_nano_usd: int = 0
    """How much more the call cost than the bound that was reserved for it; 0 if it did not, or if there is no bound."""
    trace: TraceContext | None = None
    """Trace of the request that created the call; None: it belongs to no trace."""

    @property
    def outcome(self) -> str:
        """The error's reason, or the finish reason."""
        if self.error is not None:
            return self.error.reason
        return self.finished.finish_reason.value if self.finished.finish_reason else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRecord:
    """A request that got another request's answer, at no cost."""

    key: Key
    protocol: str
    provider: str
    outcome: str
    """joined: the call was running; replayed: its answer was kept."""
    duration_s: float
    trace: TraceContext | None = None
    """Trace of this request; None: it belongs to no trace."""
    joined: TraceContext | None = None
    """Trace of the call that the request joined; None: it joined none, or that call belongs to no trace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRecord:
    """A request that was refused before it was admitted."""

    rpc: str
    protocol: str
    error: RelayError
    caller: str = ""
    """Full name of its caller; empty: unknown, as without a valid token."""
    trace_id: str = ""
    """Id of the request's trace; empty: it belongs to none."""


class Refused(Protocol):
    """Receives a request that was refused before it was admitted."""

    def __call__(self, rpc: str, error: RelayError, *, protocol: str = "grpc", caller: str = "") -> None: ...


class Observer(Protocol):
    """Receives the records of requests, after their callers got the end. Its exceptions are logged and fail no call."""

    def call_ended(self, record: CallRecord) -> None:
        """Is called when a call has ended."""
        ...

    def call_shared(self, record: SharedRecord) -> None:
        """Is called when a request that joined a call, or got a kept answer, has ended."""
        ...

    def call_refused(self, record: RefusedRecord) -> None:
        """Is called when a request was not admitted."""
        ...

    def close(self) -> None:
        """Is called last: nothing more will be reported."""
        ...
