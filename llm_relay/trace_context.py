"""The W3C trace context of a request: which trace it belongs to, and under which span.

It comes with a request of any interface and goes on with the requests that are made for it, whether or not this process
exports spans of its own. https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Self

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
_TRACEPARENT_BYTES, _TRACESTATE_BYTES = TRACEPARENT.encode(), TRACESTATE.encode()

_PARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.{0,200})?")
_STATE = re.compile(r"[\x20-\x7e]{1,512}")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span of a trace; what is done for a request is done under it."""

    trace_id: str
    """32 lowercase hex digits."""
    span_id: str
    """16 lowercase hex digits."""
    flags: str = "01"
    """Two hex digits; 01: its spans are recorded."""
    state: str = ""
    """tracestate, as it came: what tracing systems tell one another."""
    parent_id: str = ""
    """The span above it; known of spans of this process alone."""
    began_ns: int = 0
    """When the span began, in Unix nanoseconds; 0: this process records no span here."""

    @classmethod
    def read(cls, traceparent: str, tracestate: str = "") -> Self | None:
        """Reads what was sent as text; None where that is no traceparent. A bad tracestate is left out."""
        found = _PARENT.fullmatch(traceparent)
        if found is None or (found[1] == "00" and found[5]):
            return None
        return cls(found[2], found[3], found[4], tracestate if _STATE.fullmatch(tracestate) else "")

    @classmethod
    def from_metadata(cls, metadata: Iterable[tuple[str, str | bytes]] | None) -> Self | None:
        """Reads the metadata of a gRPC call."""
        parent, states = None, []
        for name, value in metadata or ():
            if name == TRACEPARENT:
                if parent is not None:  # two of them are none, as the standard has it
                    return None
                parent = value
            elif name == TRACESTATE:
                states.append(value)
        return cls.read(parent, ",".join(map(str, states))) if isinstance(parent, str) else None

    @classmethod
    def from_headers(cls, headers: Iterable[tuple[bytes, bytes]]) -> Self | None:
        """Reads the headers of an HTTP request; names are in lower case."""
        parent, states = None, []
        for name, value in headers:
            if name == _TRACEPARENT_BYTES:
                if parent is not None:
                    return None
                parent = value
            elif name == _TRACESTATE_BYTES:
                states.append(value)
        return None if parent is None else cls.read(parent.decode("latin-1"), b",".join(states).decode("latin-1"))

    @classmethod
    def from_meta(cls, meta: Mapping[str, object] | None) -> Self | None:
        """Reads the `_meta` of an MCP request."""
        parent = meta.get(TRACEPARENT) if meta else None
        if meta is None or not isinstance(parent, str):
            return None
        state = meta.get(TRACESTATE)
        return cls.read(parent, state if isinstance(state, str) else "")

    @property
    def traceparent(self) -> str:
        """What is sent on."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What is sent on, as metadata or headers."""
        parent = ((TRACEPARENT, self.traceparent),)
        return (*parent, (TRACESTATE, self.state)) if self.state else parent

    @property
    def is_recorded(self) -> bool:
        """Whether this process records the span, and those below it."""
        return self.began_ns > 0

    def child(self) -> TraceContext:
        """Returns a span below this one that begins now; this one itself where no spans are recorded."""
        if not self.is_recorded:
            return self
        return replace(self, span_id=_new_span_id(), parent_id=self.span_id, began_ns=time.time_ns())

    def sibling(self) -> TraceContext:
        """Returns another span beside this one that began when it did; this one itself where none are recorded."""
        return replace(self, span_id=_new_span_id()) if self.is_recorded else self


_current: ContextVar[TraceContext | None] = ContextVar("trace_context", default=None)


def current_trace() -> TraceContext | None:
    """Returns what the running task's requests belong to; None: no trace."""
    return _current.get()


def current_trace_id() -> str:
    """Returns the id of the running task's trace; empty: none."""
    trace = _current.get()
    return "" if trace is None else trace.trace_id


def set_current_trace(context: TraceContext | None) -> None:
    """Has the requests of the running task, and of those that it starts, belong to a trace from now on."""
    _current.set(context)


def _new_span_id() -> str:
    return f"{random.getrandbits(64) or 1:016x}"
