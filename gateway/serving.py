"""The HTTP server under the gateway: it closes dawdling connections, and stops in good time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import socket
from collections.abc import Generator
from signal import Signals
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from gateway.settings import GatewaySettings

HEAD_TIMEOUT_S = 15.0
"""How long a client may take to send a request's head, or the rest of a body that has been answered already."""
KEEP_ALIVE_S = 60
"""How long a connection may be idle between two requests."""
BACKLOG = 2048

logger = logging.getLogger("gateway")


class PunctualProtocol(H11Protocol):
    """HTTP/1.1 that closes connections on which no request gets under way; uvicorn would keep them for ever."""

    head_timeout_s = HEAD_TIMEOUT_S
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._is_answering():
            self._wait_for_head()
        elif self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request, whatever its type says
        return cycle is not None and not cycle.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(self.head_timeout_s, self.transport.close)


class GatewayServer(uvicorn.Server):
    """uvicorn, with signals left to its owner: uvicorn would end the process by the signal instead of with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """Returns a socket that listens on host:port (0: any free port); raises OSError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def create_server(app: Any, settings: GatewaySettings) -> GatewayServer:
    """Makes the HTTP server of an ASGI application."""
    config = uvicorn.Config(
        app,
        http=PunctualProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds),
        ssl_certfile=settings.http_tls_cert_file or None,
        ssl_keyfile=settings.http_tls_key_file or None,
    )
    return GatewayServer(config)


async def serve_until_signal(server: GatewayServer, listener: socket.socket, signals: asyncio.Queue[Signals]) -> None:
    """Serves until a signal comes, then lets running calls end within the server's patience; a second one ends them."""
    stopping = asyncio.create_task(_stop_on_signals(server, signals))
    try:
        await server.serve(sockets=[listener])
    finally:
        stopping.cancel()


async def _stop_on_signals(server: GatewayServer, signals: asyncio.Queue[Signals]) -> None:
    await signals.get()
    logger.info("Stopping the gateway: running calls have %s s to end", server.config.timeout_graceful_shutdown)
    server.should_exit = True
    await signals.get()
    for task in server.server_state.tasks:
        task.cancel()
