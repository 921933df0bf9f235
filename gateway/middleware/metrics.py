"""Metrics of HTTP requests, by route and status. Used only if metrics are published."""

from __future__ import annotations

import time

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.middleware.response_status import SeenStatus
from gateway.middleware.route_names import METHODS, NO_ROUTE

PROGRAM = "gateway"
SECONDS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)

REQUESTS = Counter(
    "relay_http_requests", "HTTP requests, by route and status.", ("program", "method", "route", "status")
)
DURATION = Histogram(
    "relay_http_request_duration_seconds", "Until a request's answer ended.", ("program", "route"), buckets=SECONDS
)


class HttpMetrics:
    """Counts each request when it has ended."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen, began_at = SeenStatus(send), time.monotonic()

        try:
            await self._app(scope, receive, seen)
        finally:
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            method = scope["method"] if scope["method"] in METHODS else "other"
            REQUESTS.labels(PROGRAM, method, route, str(seen.status)).inc()
            DURATION.labels(PROGRAM, route).observe(time.monotonic() - began_at)
