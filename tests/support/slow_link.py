"""A TCP proxy that delays what it passes on, like a link to a distant server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def slow_link(port: int, *, one_way_s: float) -> AsyncIterator[int]:
    """Runs a proxy in front of a port of loopback; yields its own port.

    A connection opens at once, so the proxy keeps it for a round trip, as long as TCP takes to open one over the link.
    """
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        ends = [writer]
        try:
            await asyncio.sleep(2 * one_way_s)
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            ends.append(far_writer)
            await asyncio.gather(_pass(reader, far_writer, one_way_s), _pass(far_reader, writer, one_way_s))
        except (OSError, asyncio.CancelledError):
            pass  # one side has gone, or the test is over
        finally:
            for end in ends:
                end.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections)
        await server.wait_closed()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, one_way_s: float) -> None:
    while data := await reader.read(65536):
        asyncio.get_running_loop().call_later(one_way_s, writer.write, data)
    await asyncio.sleep(one_way_s)
    writer.close()
