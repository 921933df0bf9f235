"""Sends spans to an OTLP receiver over gRPC. The only module that uses OpenTelemetry.

It has its own tracer provider, not the process's, because the spans of libraries contain texts.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from llm_relay import VERSION
from llm_relay.program.traces.spans import ENDPOINT_VARIABLES, MAX_VALUE_CHARS, EndedSpan, InterfaceSpan, Value
from llm_relay.trace_context import TraceContext

SCOPE = InstrumentationScope("grpc-llm-relay", VERSION)
CLOSE_S = 3.0
"""How long a program waits at its end for the receiver to accept the last spans."""
_FAILED = Status(StatusCode.ERROR)
_UNSET = Status(StatusCode.UNSET)

logger = logging.getLogger("relay.traces")


class OtlpExport:
    """Sends spans as OpenTelemetry's variables say."""

    def __init__(self, program: str) -> None:
        """Raises what the library raises for a variable that it cannot use."""
        named = next(value for name in ENDPOINT_VARIABLES if (value := os.environ.get(name)))
        self.endpoint = named.rpartition("@")[2]
        """The receiver, without credentials, for the log."""
        self._exporter = OTLPSpanExporter()
        self._provider = TracerProvider(resource=_resource(program), shutdown_on_exit=False)
        self._processor = BatchSpanProcessor(self._exporter)
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer(SCOPE.name, SCOPE.version)

    def begin(self, span: InterfaceSpan, parent: TraceContext | None) -> _OpenSpan:
        """Begins the span of an interface; the sampler of OTEL_TRACES_SAMPLER decides whether it is recorded."""
        above = Context() if parent is None else set_span_in_context(NonRecordingSpan(_span_context(parent)), Context())
        return _OpenSpan(self._tracer.start_span(span.name, above, SpanKind.SERVER), parent)

    def add(self, span: EndedSpan) -> None:
        """Queues a span. Beyond OTEL_BSP_MAX_QUEUE_SIZE the oldest are lost."""
        context = span.context
        self._processor.on_end(
            ReadableSpan(
                span.name,
                _span_context(context),
                _span_context(context, context.parent_id) if context.parent_id else None,
                self._provider.resource,
                _bounded(span.attributes),
                links=() if span.link is None else (Link(_span_context(span.link)),),
                kind=SpanKind.CLIENT if span.is_client else SpanKind.INTERNAL,
                status=_FAILED if span.error else _UNSET,
                start_time=span.began_ns,
                end_time=max(span.began_ns, span.ended_ns),
                instrumentation_scope=SCOPE,
            )
        )

    def close(self) -> None:
        """Sends the queued spans. Those that the receiver does not accept within CLOSE_S are lost."""
        # The library's own shutdown waits for half a minute if the receiver is gone.
        closing = threading.Thread(target=self._provider.shutdown, name="traces-close", daemon=True)
        closing.start()
        closing.join(CLOSE_S)
        if closing.is_alive():
            self._exporter.shutdown(timeout_millis=0)
            logger.warning("The trace receiver at %s did not accept the last spans in time", self.endpoint)


class _OpenSpan:
    __slots__ = ("_span", "context")

    def __init__(self, span: Span, parent: TraceContext | None) -> None:
        self._span = span
        made = span.get_span_context()
        if span.is_recording():
            self.context = _trace_context(made, began_ns=time.time_ns())
        else:  # not recorded: further work belongs to the trace of the request
            self.context = parent or _trace_context(made, began_ns=0)

    def end(self, span: InterfaceSpan) -> None:
        if self._span.is_recording():
            self._span.update_name(span.name)
            self._span.set_attributes(_bounded(span.attributes))
            if span.error:
                self._span.set_attribute("error.type", span.error)
                self._span.set_status(_FAILED)
        self._span.end()


def _resource(program: str) -> Resource:
    named = {"service.version": VERSION}
    # A value given here would win over the variables.
    if not os.environ.get("OTEL_SERVICE_NAME") and "service.name" not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        named["service.name"] = f"relay-{program.replace('_', '-')}"
    return Resource.create(named)


def _trace_context(context: SpanContext, *, began_ns: int) -> TraceContext:
    return TraceContext(
        trace_id=f"{context.trace_id:032x}",
        span_id=f"{context.span_id:016x}",
        flags=f"{context.trace_flags:02x}",
        state=context.trace_state.to_header(),
        began_ns=began_ns,
    )


def _span_context(context: TraceContext, span_id: str = "") -> SpanContext:
    return SpanContext(
        int(context.trace_id, 16),
        int(span_id or context.span_id, 16),
        is_remote=not context.is_recorded,
        trace_flags=TraceFlags(int(context.flags, 16)),
        trace_state=TraceState.from_header([context.state]) if context.state else None,
    )


def _bounded(attributes: Mapping[str, Value]) -> dict[str, Value]:
    return {
        name: value[:MAX_VALUE_CHARS] if isinstance(value, str) else value
        for name, value in attributes.items()
        if value not in ("", ())
    }
