"""One request to one provider. A call keeps a list of all its attempts."""

from __future__ import annotations

from dataclasses import dataclass

from llm_relay.errors import RelayError
from llm_relay.trace_context import TraceContext
from server_b.providers.base import Counting


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One request to one provider. Times are in the event loop's time."""

    round: int
    """Number of the try that the attempt belongs to, from 1. One try may ask several providers, one after another."""
    provider: str
    model: str
    """The model that was requested."""
    began_at: float
    ended_at: float | None = None
    """None: the attempt has not ended."""
    error: RelayError | None = None
    """None: the attempt has not failed."""
    responded: bool = False
    """Whether the provider has shown a sign of working on the request."""
    counting: Counting | None = None
    """What the provider has counted so far; None: it has reported no counts."""
    was_repeated: bool = False
    """Whether our client for the provider sent the request again at once, changed or on another connection."""
    trace: TraceContext | None = None
    """Trace context that is sent to the provider; None: the call belongs to no trace."""

    @property
    def may_have_worked(self) -> bool:
        """Whether the provider may have started work, and may bill for it."""
        return self.responded or self.error is None or self.error.may_have_worked
