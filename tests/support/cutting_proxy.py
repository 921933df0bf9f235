"""A TCP proxy that cuts its connections when a client has sent certain bytes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class CuttingProxy:
    """Passes everything on, until it is set to cut."""

    def __init__(self, port: int) -> None:
        """`port` is the server's, on loopback."""
        self._target = port
        self.port = 0
        self.cut_at = b""
        """Bytes of a client at which its connection is cut once; empty: none."""
        self.passes_them_on = False
        """Whether the server still gets these bytes."""
        self.cuts = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection."""
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        heard = asyncio.Event()
        back = asyncio.ensure_future(_pass(up_reader, writer, heard))
        try:
            while data := await reader.read(65536):
                is_cut = bool(self.cut_at) and self.cut_at in data
                if is_cut:
                    self.cut_at = b""
                    self.cuts += 1
                    if not self.passes_them_on:
                        break
                    writer.close()  # no client gets the server's reply now
                    heard.clear()
                up_writer.write(data)
                await up_writer.drain()
                if is_cut:
                    await heard.wait()
                    break
        except OSError:
            pass
        finally:
            back.cancel()
            for end in (writer, up_writer):
                end.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await asyncio.gather(back, writer.wait_closed(), up_writer.wait_closed(), return_exceptions=True)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: asyncio.Event) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            heard.set()
            if not writer.is_closing():
                writer.write(data)
                await writer.drain()
    heard.set()
    writer.close()


@contextlib.asynccontextmanager
async def cutting_proxy(port: int) -> AsyncIterator[CuttingProxy]:
    """Runs a proxy in front of a port of loopback."""
    proxy = CuttingProxy(port)
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        task.add_done_callback(connections.discard)
        with contextlib.suppress(asyncio.CancelledError):
            await proxy.handle(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        if connections:
            await asyncio.wait(connections)
        await server.wait_closed()
