"""Spans, and the interface that sends them. Only llm_relay.program.traces.otlp uses OpenTelemetry itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from llm_relay.trace_context import TraceContext

ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
MAX_VALUE_CHARS = 200
"""Limit of each text, because callers and providers choose some of them."""

Value: TypeAlias = str | int | float | bool | Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedSpan:
    """A span that has ended."""

    name: str
    context: TraceContext
    began_ns: int
    """In Unix nanoseconds."""
    ended_ns: int
    attributes: Mapping[str, Value]
    error: str = ""
    """Why it failed; empty if it did not."""
    is_client: bool = False
    """Whether it is a request to another server."""
    link: TraceContext | None = None
    """A related span."""


@dataclass(slots=True, kw_only=True)
class InterfaceSpan:
    """A request to an interface. Its fields are filled in until its end."""

    name: str
    attributes: dict[str, Value] = field(default_factory=dict)
    error: str = ""
    """Why it failed; empty if it did not."""


class OpenSpan(Protocol):
    """A span of an interface that has begun."""

    @property
    def context(self) -> TraceContext:
        """The parent of all further work for the request."""
        ...

    def end(self, span: InterfaceSpan) -> None:
        """Ends the span, with all that is known now."""
        ...


class SpanExport(Protocol):
    """Sends spans to a receiver, from its own thread."""

    @property
    def endpoint(self) -> str:
        """Where the receiver is, without credentials."""
        ...

    def begin(self, span: InterfaceSpan, parent: TraceContext | None) -> OpenSpan:
        """Begins the span of a request. `parent` is the trace that it was sent with; None: no trace."""
        ...

    def add(self, span: EndedSpan) -> None:
        """Queues a span."""
        ...

    def close(self) -> None:
        """Sends the queued spans, within a few seconds."""
        ...
