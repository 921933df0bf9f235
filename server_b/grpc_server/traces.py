"""Reads the trace that a gRPC call belongs to, and records the call's span."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, TypeAlias

import grpc

from llm_relay.program.traces.tracing import interface_span, span_export
from llm_relay.trace_context import TraceContext, set_current_trace

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handlers: TypeAlias = "dict[str, grpc.RpcMethodHandler[Any, Any]]"

_FAILURES = (
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
)
"""Statuses that are the server's failure: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/"""
_MONITORED = ("GetStatus",)
"""Methods that monitors call often, through the gateway's /health too. A call without a trace begins none."""
_CODES: Mapping[Any, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode} | {
    code: code for code in grpc.StatusCode
}


def traced_methods(service: str, handlers: Handlers) -> Handlers:
    """Wraps the methods of a service, so that the trace of each call is read from its metadata.

    If traces are on, each call has a span. A method's handler must be a coroutine, not a generator.
    """
    return {name: _traced(service, name, handler) for name, handler in handlers.items()}


def _traced(service: str, name: str, handler: grpc.RpcMethodHandler[Any, Any]) -> grpc.RpcMethodHandler[Any, Any]:
    if handler.response_streaming:
        behaviour = _with_trace(service, name, handler.unary_stream)
        return grpc.unary_stream_rpc_method_handler(
            behaviour, handler.request_deserializer, handler.response_serializer
        )
    behaviour = _with_trace(service, name, handler.unary_unary)
    return grpc.unary_unary_rpc_method_handler(behaviour, handler.request_deserializer, handler.response_serializer)


def _with_trace(service: str, name: str, behaviour: Any) -> Any:
    async def call(request: Any, context: Context) -> Any:
        parent = TraceContext.from_metadata(context.invocation_metadata())
        if span_export() is None or (parent is None and name in _MONITORED):
            set_current_trace(parent)
            return await behaviour(request, context)
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
        with interface_span(f"{service}/{name}", parent, **attributes) as span:
            is_cancelled = False
            try:
                return await behaviour(request, context)
            except asyncio.CancelledError:
                is_cancelled = True
                raise
            finally:
                given: Any = context.code()  # grpc.aio returns the number
                code = grpc.StatusCode.CANCELLED if is_cancelled else _CODES[given or 0]
                span.attributes["rpc.grpc.status_code"] = code.value[0]
                if code in _FAILURES:
                    span.error = code.name

    return call
