"""One request to one provider. A call keeps every one, also where there is one provider only."""

from __future__ import annotations

from dataclasses import dataclass

from llm_relay.errors import RelayError
from llm_relay.trace_context import TraceContext


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One time that one provider was asked; times in the event loop's time."""

    round: int
    """Which try of the call it belongs to, from 1. In one try several providers may be asked, one after the other."""
    provider: str
    model: str
    """The one asked for."""
    began_at: float
    ended_at: float | None = None
    """None: it has not ended."""
    error: RelayError | None = None
    """None: it has not failed."""
    responded: bool = False
    """Whether the provider has shown a sign of work."""
    was_repeated: bool = False
    """Whether its provider sent the request again by itself at once, changed or on another connection."""
    trace: TraceContext | None = None
    """What the provider is told of the trace; None: the call belongs to none."""

    @property
    def may_have_worked(self) -> bool:
        """Whether the provider can have started work, and may bill it."""
        return self.responded or self.error is None or self.error.may_have_worked
