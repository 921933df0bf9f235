"""A real OTLP receiver over gRPC, like OpenTelemetry's collector: it stores the spans that programs send."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc

LIMIT_S = 60.0


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as it was received; ids in hex."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    """A SpanKind of the protocol: 1 internal, 2 server, 3 client."""
    is_error: bool
    began_ns: int
    ended_ns: int
    attributes: dict[str, Any]
    linked: tuple[str, ...]
    """Ids of the spans that it has links to."""


@dataclass
class OtlpReceiver(trace_service_pb2_grpc.TraceServiceServicer):
    """The requests received so far."""

    endpoint: str = ""
    """The value for OTEL_EXPORTER_OTLP_ENDPOINT."""
    spans: list[ReceivedSpan] = field(default_factory=list)
    raw: bytes = b""
    """Every request as received, in order."""
    headers: list[dict[str, str]] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    async def Export(self, request: pb.ExportTraceServiceRequest, context: Any) -> pb.ExportTraceServiceResponse:  # noqa: N802 - the method's name
        self.raw += request.SerializeToString()
        self.headers.append(dict(context.invocation_metadata()))
        for resource in request.resource_spans:
            service = _attributes(resource.resource.attributes)["service.name"]
            self.spans += [_received(service, span) for scope in resource.scope_spans for span in scope.spans]
        self._more.set()
        return pb.ExportTraceServiceResponse()

    async def until(self, is_enough: Callable[[list[ReceivedSpan]], bool]) -> list[ReceivedSpan]:
        """Waits until the spans suffice; returns all of them."""
        try:
            async with asyncio.timeout(LIMIT_S):
                while not is_enough(self.spans):
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"not enough spans: {[(span.service, span.name) for span in self.spans]}") from None
        return self.spans

    async def trace(self, trace_id: str, names: list[str]) -> dict[str, ReceivedSpan]:
        """Waits for spans of these names in a trace; returns them by name, and asserts that there is no other."""
        found = await self.until(lambda spans: sum(span.trace_id == trace_id for span in spans) >= len(names))
        of_trace = [span for span in found if span.trace_id == trace_id]
        assert sorted(span.name for span in of_trace) == sorted(names)
        return {span.name: span for span in of_trace}


def _received(service: str, span: Any) -> ReceivedSpan:
    return ReceivedSpan(
        service=service,
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        kind=span.kind,
        is_error=span.status.code == 2,
        began_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        linked=tuple(link.span_id.hex() for link in span.links),
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return [_value(one) for one in value.array_value.values] if kind == "array_value" else getattr(value, kind)


@contextlib.asynccontextmanager
async def otlp_receiver() -> AsyncIterator[OtlpReceiver]:
    """Receives on any free port of loopback until the block ends."""
    server, receiver = grpc.aio.server(), OtlpReceiver()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(receiver, server)  # type: ignore[no-untyped-call]
    receiver.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield receiver
    finally:
        await server.stop(0)
