"""The application: what stands around a request, in order, and the client of Server B that lives as long as it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from gateway import schemas
from gateway.access_log import RequestIds, create_request_log
from gateway.error_middleware import OuterDoor
from gateway.guards import Guard
from gateway.request_parsing import REQUEST_ID_HEADER, TIMEOUT_HEADER
from gateway.routes import ServerB, router
from gateway.settings import GatewaySettings
from gateway.streaming import PING_S
from llm_relay import VERSION
from llm_relay.client.relay_client import RelayClient
from llm_relay.program.buffered_log import GatheredLog

logger = logging.getLogger("gateway")


class Gateway(FastAPI):
    """FastAPI, with the shapes that the relay's routes speak in its description, and no more around them than ours."""

    def build_middleware_stack(self) -> ASGIApp:
        """Puts around the routes what is ours alone.

        FastAPI's own layers serve what the relay does not use, at a twentieth of a request's CPU.
        """
        app: ASGIApp = self.router
        for layer, arguments, options in reversed(self.user_middleware):
            app = layer(app, *arguments, **options)
        return app

    def openapi(self) -> dict[str, Any]:
        """Returns the OpenAPI document."""
        is_new = self.openapi_schema is None
        document = super().openapi()
        if is_new:
            schemas.add_components(document)
        return document


def create_app(settings: GatewaySettings, *, ping_s: float = PING_S) -> FastAPI:
    """Makes the application; it dials Server B when an HTTP server starts it. `ping_s` as streaming.PING_S."""
    log = create_request_log()

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, ServerB]]:
        logger.info("Server B is looked for at %s", settings.server_b_target)
        try:
            async with RelayClient(settings.dial, timeout_s=settings.timeout_seconds, door="http") as client:
                server_b = ServerB(
                    client=client,
                    timeout_s=settings.timeout_seconds,
                    max_body_bytes=settings.max_message_bytes,
                    known_callers_only=bool(settings.tokens),
                    ping_s=ping_s,
                )
                yield {"server_b": server_b}
        finally:
            log.flush()

    return Gateway(
        title="Relay gateway",
        summary="Language-model calls over HTTP; Server B answers them.",
        version=VERSION,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        middleware=_middleware(settings, log),
        routes=router.routes,
    )


def _middleware(settings: GatewaySettings, log: GatheredLog) -> list[Middleware]:
    """Lists what stands around a request, outermost first; none of it hides that a client goes away."""
    guard = Middleware(Guard, tokens=settings.tokens, insecure=settings.relay_insecure, origins=settings.origins)
    return [Middleware(RequestIds, log=log), *_cors(settings.origins), Middleware(OuterDoor), guard]


def _cors(origins: tuple[str, ...]) -> list[Middleware]:
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", REQUEST_ID_HEADER, TIMEOUT_HEADER),
            expose_headers=(REQUEST_ID_HEADER, "Retry-After"),
        )
    ]
