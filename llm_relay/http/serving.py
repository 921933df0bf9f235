"""The HTTP server under the gateway and MCP's doors: it closes dawdling connections, and leaves signals alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator
from typing import Any, Literal

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from llm_relay.addresses import BACKLOG
from llm_relay.tls.http import HttpCertificates

HEAD_TIMEOUT_S = 15.0
"""How long a client may take to send a request's head, or the rest of a body that has been answered already."""
KEEP_ALIVE_S = 60
"""How long a connection may be idle between two requests."""
MAX_HEAD_BYTES = 64 * 1024
"""Of a request's head, beyond the read that it began with."""


class PunctualProtocol(HttpToolsProtocol):
    """HTTP/1.1 that closes connections on which no request gets under way; uvicorn would keep them for ever.

    Neither it nor its parser bounds a head.
    """

    head_timeout_s = HEAD_TIMEOUT_S
    _patience: asyncio.TimerHandle | None = None
    _head_bytes: int | None = None
    """What has come of a head since the read that it began with; None where no head is under way."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._head_bytes = None

    def data_received(self, data: bytes) -> None:
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.send_400_response("The request's head is too large.")
                return
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


class HttpServer(uvicorn.Server):
    """uvicorn, with signals left to its owner: uvicorn would end the process by the signal instead of with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    def stop_accepting(self) -> None:
        """Closes the port at once, and ends `serve` when running requests have ended, or their grace is over."""
        self.should_exit = True
        if self.started:
            for server in self.servers:
                server.close()


def create_server(
    app: Any, *, certificates: HttpCertificates | None, grace_s: int, lifespan: Literal["on", "off"]
) -> HttpServer:
    """Makes the HTTP server of an ASGI application; `grace_s` is for running requests once it is told to stop."""
    config = uvicorn.Config(
        app,
        http=PunctualProtocol,
        ws="none",
        lifespan=lifespan,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=grace_s,
        ssl_context_factory=(lambda _, __: certificates.context()) if certificates else None,
    )
    return HttpServer(config)
