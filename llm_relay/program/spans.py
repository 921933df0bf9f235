"""What a span is here, and what sends it. OpenTelemetry itself is known in llm_relay.program.otlp alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from llm_relay.trace_context import TraceContext

ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
MAX_VALUE_CHARS = 200
"""Of each text: some hold what a caller or a provider chose."""

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
    """Why it failed; empty: it did not."""
    is_client: bool = False
    """Whether it is a request to another server."""
    link: TraceContext | None = None
    """Another span that has to do with it."""


@dataclass(slots=True, kw_only=True)
class InterfaceSpan:
    """A request that an interface was sent; filled in until its end."""

    name: str
    attributes: dict[str, Value] = field(default_factory=dict)
    error: str = ""
    """Why it failed; empty: it did not."""


class OpenSpan(Protocol):
    """A span of an interface that has begun."""

    @property
    def context(self) -> TraceContext:
        """What is done for the request is done under it."""
        ...

    def end(self, span: InterfaceSpan) -> None:
        """Ends it, with all that is known now."""
        ...


class SpanExport(Protocol):
    """Sends spans to a receiver, from a thread of its own."""

    @property
    def endpoint(self) -> str:
        """Where the receiver is, without credentials."""
        ...

    def begin(self, span: InterfaceSpan, parent: TraceContext | None) -> OpenSpan:
        """Begins the span of a request that came with `parent`; None: with no trace."""
        ...

    def add(self, span: EndedSpan) -> None:
        """Has a span sent."""
        ...

    def close(self) -> None:
        """Sends what has gathered, within a few seconds."""
        ...
