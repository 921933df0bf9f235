"""The application: its middleware in order, its routes, and the client of Server B that it opens and closes."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute

from gateway.account_routes import router as account_router
from gateway.dependencies import Backend
from gateway.docs.routes import create_assets
from gateway.docs.routes import router as docs_router
from gateway.errors.exception_handlers import HANDLERS
from gateway.head_routes import head_routes
from gateway.middleware.access_log import AccessLog, create_access_log
from gateway.middleware.authentication import Authentication
from gateway.middleware.host_check import HostCheck
from gateway.middleware.traces import Traces
from gateway.middleware.uncaught_errors import ErrorMiddleware
from gateway.openai.description import TAG_DESCRIPTION
from gateway.openai.description import schemas as openai_schemas
from gateway.openai.error_shape import OpenAIErrorShape
from gateway.openai.routes import router as openai_router
from gateway.openapi.document import TAGS, describing
from gateway.requests.request_ids import REQUEST_ID_HEADER
from gateway.requests.request_parsing import BodyLimits
from gateway.routes import router
from gateway.settings import GatewaySettings
from gateway.streaming import Pings
from gateway.ui import api as ui_api
from gateway.ui import pages as ui_pages
from gateway.ui import sign_in as ui_sign_in
from gateway.ui.pages import Assets
from gateway.ui.watchers import Watchers
from llm_relay import VERSION
from llm_relay.addresses import is_loopback_host
from llm_relay.client.account_client import AccountClient
from llm_relay.client.caller_check import CallerCheck
from llm_relay.client.relay_client import RelayClient
from llm_relay.documents import max_body_bytes
from llm_relay.http.slow_bodies import BODY_TIMEOUT_S
from llm_relay.program.logs.buffered_log import BufferedLog
from llm_relay.program.metrics.publishing import is_metered
from llm_relay.program.traces.tracing import traced

logger = logging.getLogger("gateway")


_EXPOSED_HEADERS = (
    REQUEST_ID_HEADER,
    "Retry-After",
    "retry-after-ms",
    "x-should-retry",
    "x-relay-ignored",
    "x-relay-origin",
    *(f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining", "reset") for of in ("requests", "tokens")),
)
"""The response headers that a web page of another origin may read."""


def create_app(
    settings: GatewaySettings, *, pings: Pings | None = None, body_timeout_s: float = BODY_TIMEOUT_S
) -> FastAPI:
    """Creates the application. It dials Server B when an HTTP server starts it."""
    log = create_access_log()
    is_open = settings.relay_insecure or is_loopback_host(settings.http_host)
    callers = CallerCheck(settings.tokens, settings.dial, anonymous_allowed=is_open)
    limits = BodyLimits(max_bytes=max_body_bytes(settings.max_message_bytes), timeout_s=body_timeout_s)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Backend]]:
        logger.info("Calls go to Server B at %s", settings.server_b_target)
        with traced("gateway", settings.file):
            try:
                async with _backend(settings, callers, limits, pings or Pings()) as backend:
                    yield {"backend": backend}
            finally:
                log.flush()

    app = FastAPI(
        title="Relay gateway",
        summary="Language-model calls over HTTP. Server B answers them.",
        version=VERSION,
        openapi_tags=[*TAGS, TAG_DESCRIPTION],
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        middleware=_middleware(settings, log, callers),
        exception_handlers=HANDLERS,
        routes=_routes(),
    )
    app.mount("/docs/assets", create_assets())
    app.mount("/ui/assets", Assets())
    app.state.watchers = Watchers()
    app.openapi = describing(app, openai_schemas)  # type: ignore[method-assign]  # as FastAPI's guide has it
    return app


@contextlib.asynccontextmanager
async def _backend(
    settings: GatewaySettings, callers: CallerCheck, limits: BodyLimits, pings: Pings
) -> AsyncIterator[Backend]:
    async with (
        callers,
        RelayClient(settings.dial, timeout_s=settings.timeout_seconds, protocol="http") as client,
        AccountClient(settings.dial) as accounts,
    ):
        yield Backend(
            client=client,
            accounts=accounts,
            dial=settings.dial,
            callers=callers,
            timeout_s=settings.timeout_seconds,
            limits=limits,
            hides_target=bool(settings.tokens),
            pings=pings,
        )


def _routes() -> list[BaseRoute]:
    routes = [*router.routes, *account_router.routes, *openai_router.routes, *docs_router.routes]
    routes.sort(key=_is_lookup)  # routes are tried in order, and calls are the most frequent
    pages = [*ui_pages.router.routes, *head_routes(ui_pages.router.routes)]
    return [*routes, *head_routes(routes), *pages, *ui_sign_in.router.routes, *ui_api.router.routes]


def _is_lookup(route: BaseRoute) -> bool:
    return "POST" not in (getattr(route, "methods", None) or ())


def _middleware(settings: GatewaySettings, log: BufferedLog, callers: CallerCheck) -> list[Middleware]:
    """Lists the middleware, outermost first. All of it passes on that a client has left."""
    return [
        *_metrics(),
        Middleware(Traces),
        Middleware(AccessLog, log=log),
        Middleware(OpenAIErrorShape),
        Middleware(HostCheck, allowed=settings.allowed_hosts),
        *_cors(settings.origins),
        Middleware(ErrorMiddleware),
        Middleware(
            Authentication,
            callers=callers,
            has_tokens=bool(settings.tokens),
            insecure=settings.relay_insecure,
            origins=settings.origins,
        ),
    ]


def _metrics() -> list[Middleware]:
    if not is_metered():
        return []
    from gateway.middleware.metrics import HttpMetrics

    return [Middleware(HttpMetrics)]


def _cors(origins: tuple[str, ...]) -> list[Middleware]:
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=("GET", "POST"),
            allow_headers=("*",),  # OpenAI's SDK sends a dozen headers of its own; the check is on the origin
            expose_headers=_EXPOSED_HEADERS,
        )
    ]
