"""The gateway's HTTP server, and how it stops."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
from collections.abc import Callable
from signal import Signals
from typing import Any

from gateway.settings import GatewaySettings
from llm_relay.http import serving
from llm_relay.http.serving import HttpServer

logger = logging.getLogger("gateway")


def create_server(app: Any, settings: GatewaySettings) -> HttpServer:
    """Creates the HTTP server of the gateway's application."""
    return serving.create_server(
        app, certificates=settings.http_certificates, grace_s=math.ceil(settings.drain_seconds), lifespan="on"
    )


async def serve_until_signal(
    server: HttpServer, listener: socket.socket, signals: asyncio.Queue[Signals], stop: Callable[[], None]
) -> None:
    """Serves until a signal, then gives running calls DRAIN_SECONDS to end. A second signal ends them at once.

    `stop` is called to end streams that never end by themselves.
    """
    stopping = asyncio.create_task(_stop_on_signals(server, signals, stop))
    try:
        await server.serve(sockets=[listener])
    finally:
        stopping.cancel()


async def _stop_on_signals(server: HttpServer, signals: asyncio.Queue[Signals], stop: Callable[[], None]) -> None:
    await signals.get()
    logger.info("Stopping the gateway: running calls have %s s to end", server.config.timeout_graceful_shutdown)
    server.stop_accepting()
    stop()
    await signals.get()
    for task in server.server_state.tasks:
        task.cancel()
