"""Serves MCP tools over stdio, SSE or streamable HTTP until the client is gone or a signal comes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from signal import Signals
from typing import TYPE_CHECKING

import anyio

from transport.event_loop import stopping_signals
from transport.mcp_stdio import open_stdio
from transport.mcp_tools import ToolServer

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

    from transport.mcp_http import Door

EXIT_CANNOT_LISTEN = 1
BACKLOG = 2048

logger = logging.getLogger("relay")


async def serve_stdio(tools: ToolServer) -> None:
    """Serves the client at standard input and output until it closes its end, SIGINT or SIGTERM."""
    signals = await stopping_signals()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_stop_on_signal, tools, signals, tasks.cancel_scope)
        async with open_stdio() as (read, write):
            await tools.protocol.run(read, write, tools.protocol.create_initialization_options())
        tasks.cancel_scope.cancel()


async def _stop_on_signal(tools: ToolServer, signals: asyncio.Queue[Signals], serving: anyio.CancelScope) -> None:
    await signals.get()
    await tools.stop()
    serving.cancel()


async def serve_http(tools: ToolServer, transport: str, door: Door, announce: Callable[[str, int], None]) -> int:
    """Serves `transport` ("sse" or "http") until SIGINT or SIGTERM and returns the exit code.

    `announce` is told the host and the port once clients can connect. Raises ValueError for a certificate that
    cannot be used.
    """
    from transport.mcp_http import open_sse, open_streamable

    signals = await stopping_signals()
    tls = _tls_context(door)
    try:
        listener = _listen(door)
    except OSError as error:
        where, why = f"{door.host}:{door.port}", error.strerror
        mend = "stop the program that does, or set another port"
        logger.error("%s: cannot listen on %s (%s): %s", door.port_name, where, why, mend)  # noqa: TRY400
        return EXIT_CANNOT_LISTEN
    # The application is left first: it ends its streams, so that the server has no connection to wait for.
    open_app = open_sse if transport == "sse" else open_streamable
    async with anyio.create_task_group() as tasks, open_app(tools, door) as app:
        server = _create_server(app, tls)
        tasks.start_soon(server.serve, [listener])
        announce(door.host, listener.getsockname()[1])
        await signals.get()
        server.should_exit = True
        await tools.stop()
    return 0


def _tls_context(door: Door) -> ssl.SSLContext | None:
    if not door.tls_cert_file:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(door.tls_cert_file, door.tls_key_file)
    except OSError as error:  # SSLError too
        raise ValueError(f"HTTP_TLS_CERT_FILE, HTTP_TLS_KEY_FILE: cannot be used: {error}") from error
    return context


def _listen(door: Door) -> socket.socket:
    family = socket.AF_INET6 if ":" in door.host else socket.AF_INET
    return socket.create_server((door.host.strip("[]"), door.port), family=family, backlog=BACKLOG)


def _create_server(app: ASGIApp, tls: ssl.SSLContext | None) -> uvicorn.Server:
    import uvicorn

    class Server(uvicorn.Server):
        """uvicorn without its signal handlers, which end the program by the signal and not with exit code 0."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        ssl_context_factory=(lambda _, __: tls) if tls else None,
        timeout_graceful_shutdown=1,
    )
    return Server(config)
