"""The trace of a request, and its span. The calls to Server B for the request belong to the same trace."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.middleware.response_status import SeenStatus
from gateway.middleware.route_names import METHODS, NO_ROUTE
from llm_relay.program.traces.spans import InterfaceSpan
from llm_relay.program.traces.tracing import interface_span, span_export
from llm_relay.trace_context import TraceContext, set_current_trace


class Traces:
    """Reads traceparent and tracestate of each request. If tracing is on, creates a span."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        parent = TraceContext.from_headers(scope["headers"])
        # Monitors poll the health.
        if span_export() is None or scope["path"] == "/health":
            set_current_trace(parent)
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        with interface_span(method, parent, **{"http.request.method": method}) as span:
            await self._spanned(span, scope, receive, send)

    async def _spanned(self, span: InterfaceSpan, scope: Scope, receive: Receive, send: Send) -> None:
        seen = SeenStatus(send)

        try:
            await self._app(scope, receive, seen)
        finally:
            state = scope.get("state", {})
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            span.name = f"{span.name} {route}"
            span.attributes |= {"http.route": route, "http.response.status_code": seen.status}
            if request_id := state.get("call_id") or state.get("request_id"):
                span.attributes["relay.request_id"] = request_id
            if seen.status >= 500:
                span.error = str(seen.status)
