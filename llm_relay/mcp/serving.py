"""Serves MCP tools over stdio, SSE or streamable HTTP until the client is gone or a signal comes."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from signal import Signals
from typing import TYPE_CHECKING

import anyio

from llm_relay.addresses import listen
from llm_relay.http.stalled_readers import drop_stalled_readers
from llm_relay.mcp.stdio import open_stdio
from llm_relay.mcp.tools import ToolServer
from llm_relay.program.event_loop import spare_what_is_there, stopping_signals, unless_signalled

if TYPE_CHECKING:
    from llm_relay.mcp.http import Door

EXIT_CANNOT_LISTEN = 1
GRACE_S = 1
"""For what is left of a connection once its calls have ended."""

logger = logging.getLogger("relay")


async def serve_stdio(tools: ToolServer) -> None:
    """Serves the client at standard input and output until it closes its end, SIGINT or SIGTERM."""
    signals = await stopping_signals()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_stop_on_signal, tools, signals, tasks.cancel_scope)
        spare_what_is_there()
        async with open_stdio() as (read, write):
            await tools.protocol.run(read, write, tools.protocol.create_initialization_options())
        tasks.cancel_scope.cancel()


async def _stop_on_signal(tools: ToolServer, signals: asyncio.Queue[Signals], serving: anyio.CancelScope) -> None:
    await signals.get()
    await tools.stop()
    serving.cancel()


async def serve_http(tools: ToolServer, transport: str, door: Door, announce: Callable[[str, int], None]) -> int:
    """Serves `transport` ("sse" or "http") until SIGINT or SIGTERM, lets running calls end, returns the exit code.

    A second signal, or the end of the door's patience, stops the calls that still run. `announce` is told the host
    and the port once clients can connect.
    """
    from llm_relay.http.serving import create_server
    from llm_relay.mcp.http import open_sse, open_streamable

    signals = await stopping_signals()
    try:
        listener = listen(door.host, door.port)
    except OSError as error:
        where, why = f"{door.host}:{door.port}", error.strerror
        mend = "stop the program that does, or set another port"
        logger.error("%s: cannot listen on %s (%s): %s", door.port_name, where, why, mend)  # noqa: TRY400
        return EXIT_CANNOT_LISTEN
    drop_stalled_readers(listener, door.stall_s)
    # The application is left first: it ends its streams, so that the server has no connection to wait for.
    open_app = open_sse if transport == "sse" else open_streamable
    async with anyio.create_task_group() as tasks, open_app(tools, door) as app:
        grace_s = math.ceil(door.drain_s) + GRACE_S
        server = create_server(app, certificates=door.certificates, grace_s=grace_s, lifespan="off")
        tasks.start_soon(server.serve, [listener])
        announce(door.host, listener.getsockname()[1])
        spare_what_is_there()
        await signals.get()
        server.stop_accepting()
        await unless_signalled(tools.drain(door.drain_s), signals)
        await tools.stop()
    return 0
