"""The W3C trace context of a request: which trace it belongs to, and under which span.

It arrives with a request of any interface and is sent with the requests that are made for it, whether or not this
process exports its own spans. https://www.w3.org/TR/trace-context/
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
    """A span of a trace: the parent of all work for a request."""

    trace_id: str
    """32 lowercase hex digits."""
    span_id: str
    """16 lowercase hex digits."""
    flags: str = "01"
    """Two hex digits; 01: its spans are recorded."""
    state: str = ""
    """tracestate, as received: data of tracing systems."""
    parent_id: str = ""
    """The parent span; known only for spans of this process."""
    began_ns: int = 0
    """When the span began, in Unix nanoseconds; 0: this process records no span here."""

    @classmethod
    def read(cls, traceparent: str, tracestate: str = "") -> Self | None:
        """Reads a trace context from text, or returns None for a bad traceparent. A bad tracestate is left out."""
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
                if parent is not None:  # more than one is invalid by the standard
                    return None
                parent = value
            elif name == TRACESTATE:
                states.append(value)
        return cls.read(parent, ",".join(map(str, states))) if isinstance(parent, str) else None

    @classmethod
    def from_headers(cls, headers: Iterable[tuple[bytes, bytes]]) -> Self | None:
        """Reads the headers of an HTTP request. Their names must be in lower case."""
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
        """The traceparent to send."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What to send, as metadata or headers."""
        parent = ((TRACEPARENT, self.traceparent),)
        return (*parent, (TRACESTATE, self.state)) if self.state else parent

    @property
    def is_recorded(self) -> bool:
        """Whether this process records the span, and those below it."""
        return self.began_ns > 0

    def child(self) -> TraceContext:
        """Returns a child span that begins now, or this span if no spans are recorded."""
        if not self.is_recorded:
            return self
        return replace(self, span_id=_new_span_id(), parent_id=self.span_id, began_ns=time.time_ns())

    def sibling(self) -> TraceContext:
        """Returns a sibling span with the same beginning, or this span if no spans are recorded."""
        return replace(self, span_id=_new_span_id()) if self.is_recorded else self


_current: ContextVar[TraceContext | None] = ContextVar("trace_context", default=None)


def current_trace() -> TraceContext | None:
    """Returns the trace of the running task's requests, or None."""
    return _current.get()


def current_trace_id() -> str:
    """Returns the id of the running task's trace; empty: none."""
    trace = _current.get()
    return "" if trace is None else trace.trace_id


def set_current_trace(context: TraceContext | None) -> None:
    """Sets the trace of requests by the running task, and by the tasks that it starts from now on."""
    _current.set(context)


def _new_span_id() -> str:
    return f"{random.getrandbits(64) or 1:016x}"
