"""MCP over standard input and output, one JSON-RPC message a line.

Not the SDK's stdio_server: it waits for a thread that is blocked in a read, which no signal wakes
(modelcontextprotocol/python-sdk#3551), and answers nothing to a line that it cannot parse.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import threading
from collections.abc import AsyncIterator, Callable

import anyio
import mcp_types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

FromClient = MemoryObjectReceiveStream[SessionMessage | Exception]
ToClient = MemoryObjectSendStream[SessionMessage]

_UNREADABLE = mcp_types.JSONRPCError(
    jsonrpc="2.0", id=None, error=mcp_types.ErrorData(code=mcp_types.PARSE_ERROR, message="Parse error")
)


@contextlib.asynccontextmanager
async def open_stdio() -> AsyncIterator[tuple[FromClient, ToClient]]:
    """Takes standard input and output for the wire and yields its two ends; the first ends when the input does."""
    wire_in, wire_out = _claim()
    to_server, from_client = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    to_client, from_server = anyio.create_memory_object_stream[SessionMessage](0)
    writer = _Writer(wire_out)
    async with to_server, from_client, to_client, from_server, anyio.create_task_group() as tasks:
        tasks.start_soon(_receive, wire_in, to_server, to_client)
        tasks.start_soon(_send, from_server, writer)
        yield from_client, to_client


def _claim() -> tuple[int, int]:
    """Moves the wire off descriptors 0 and 1, so that what is printed, by children too, goes to stderr instead."""
    wire_in, wire_out = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return wire_in, wire_out


async def _receive(
    wire_in: int, to_server: MemoryObjectSendStream[SessionMessage | Exception], to_client: ToClient
) -> None:
    async with to_server:
        async for line in _lines(wire_in):
            try:
                message = _parse(line)
            except ValueError:
                await to_client.send(SessionMessage(_UNREADABLE))
            else:
                await to_server.send(SessionMessage(message))


def _parse(line: bytes) -> mcp_types.JSONRPCMessage:
    """Raises ValueError if the line is not a JSON-RPC message."""
    try:
        return mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValidationError:
        # Half of a surrogate pair is valid JSON to JavaScript and to this parser: the tool then names the field.
        try:
            return mcp_types.jsonrpc_message_adapter.validate_python(json.loads(line), by_name=False)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


async def _lines(wire_in: int) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes | None] = asyncio.Queue()

    def deliver(line: bytes | None) -> None:
        loop.call_soon_threadsafe(lines.put_nowait, line)

    _start_thread("stdin", _read, wire_in, deliver)
    while (line := await lines.get()) is not None:
        if line.strip():
            yield line


def _read(wire_in: int, deliver: Callable[[bytes | None], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the event loop is closed: the program is at its end
        with contextlib.suppress(OSError), os.fdopen(wire_in, "rb", closefd=False) as lines:
            for line in lines:
                deliver(line)
        deliver(None)


async def _send(from_server: MemoryObjectReceiveStream[SessionMessage], writer: _Writer) -> None:
    async with from_server:
        async for item in from_server:
            await writer.write(item.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")


class _Writer:
    """Writes in a thread, so that a client that does not read holds up nothing but its own answers."""

    def __init__(self, wire_out: int) -> None:
        self._wire_out = wire_out
        self._loop = asyncio.get_running_loop()
        self._pending: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        _start_thread("stdout", self._write_all)

    async def write(self, data: bytes) -> None:
        """Returns once the data has left, or cannot: a client that has closed its end is gone, which stdin tells."""
        written = self._loop.create_future()
        self._pending.put((data, written))
        await written

    def _write_all(self) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed: the program is at its end
            while True:
                data, written = self._pending.get()
                with contextlib.suppress(OSError):
                    while data:
                        data = data[os.write(self._wire_out, data) :]
                self._loop.call_soon_threadsafe(_settle, written)


def _settle(written: asyncio.Future[None]) -> None:
    if not written.done():
        written.set_result(None)


def _start_thread(name: str, target: Callable[..., None], *arguments: object) -> None:
    # Threads, for standard streams may be files, which no event loop can wait for; daemons, for nothing wakes
    # a blocked read or write, and the program's end must not wait for one.
    threading.Thread(name=name, target=target, args=arguments, daemon=True).start()
