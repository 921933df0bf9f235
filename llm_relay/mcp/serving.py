"""Serves MCP over stdio, SSE or streamable HTTP until the client leaves or a signal arrives."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from signal import Signals
from typing import TYPE_CHECKING

import anyio

from llm_relay.addresses import listen, listen_fault
from llm_relay.http.stalled_readers import drop_stalled_readers
from llm_relay.mcp.stdio.connection import StdioConnection, open_stdio
from llm_relay.mcp.tool_server import ToolServer
from llm_relay.program.event_loop import freeze_existing_objects
from llm_relay.program.processes.supervised import serving, this_process
from llm_relay.program.stop_signals import unless_signalled

if TYPE_CHECKING:
    from llm_relay.mcp.http.endpoint import HttpEndpoint

EXIT_CANNOT_LISTEN = 1
GRACE_S = 1
"""Time to close connections once their calls have ended."""

logger = logging.getLogger("relay")


async def serve_stdio(tools: ToolServer, signals: asyncio.Queue[Signals], max_message_bytes: int) -> None:
    """Serves the client at standard input and output until it closes its end, or until a signal."""
    async with anyio.create_task_group() as tasks:
        async with open_stdio(max_message_bytes) as client:
            tasks.start_soon(_stop_on_signal, tools, client, signals, tasks.cancel_scope)
            freeze_existing_objects()
            options = tools.protocol.create_initialization_options()
            await tools.protocol.run(client.from_client, client.to_client, options)
        tasks.cancel_scope.cancel()


async def _stop_on_signal(
    tools: ToolServer, client: StdioConnection, signals: asyncio.Queue[Signals], serving: anyio.CancelScope
) -> None:
    await signals.get()
    client.stop()
    await tools.stop()
    serving.cancel()


async def serve_http(
    tools: ToolServer,
    signals: asyncio.Queue[Signals],
    transport: str,
    endpoint: HttpEndpoint,
    announce: Callable[[str, int], None],
) -> int:
    """Serves `transport` ("sse" or "http") until a signal, then lets running calls end. Returns the exit code.

    A second signal, or the end of the endpoint's `drain_s`, stops the calls that still run. `announce` is called with
    the host and the port once clients can connect.
    """
    from llm_relay.http.serving import create_server
    from llm_relay.mcp.http.applications import open_sse, open_streamable

    try:
        listener = listen(endpoint.host, endpoint.port)
    except OSError as error:
        logger.error(listen_fault(endpoint.host, endpoint.port, "MCP_HOST", endpoint.port_setting, error))  # noqa: TRY400
        return EXIT_CANNOT_LISTEN
    drop_stalled_readers(listener, endpoint.stall_s)
    # The application closes first and ends its streams, so that the server has no connection to wait for.
    open_app = open_sse if transport == "sse" else open_streamable
    async with anyio.create_task_group() as tasks, open_app(tools.protocol, endpoint) as app:
        grace_s = math.ceil(endpoint.drain_s) + GRACE_S
        server = create_server(app, certificates=endpoint.certificates, grace_s=grace_s, lifespan="off")
        tasks.start_soon(server.serve, [listener])
        port = listener.getsockname()[1]
        announce(endpoint.host, port)
        freeze_existing_objects()
        with serving(this_process(), signals, port):
            await signals.get()
            server.stop_accepting()
            await unless_signalled(tools.drain(endpoint.drain_s), signals)
        await tools.stop()
    return 0
