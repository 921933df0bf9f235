"""HTTP clients that request a stream and read nothing of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from tests.support.mcp_stdio import MODERN_META

Reader = Callable[[int], Awaitable[asyncio.StreamWriter]]
"""Requests a stream at a port, reads nothing from then on, and returns its connection."""

_ACCEPT = ("Content-Type: application/json", "Accept: application/json, text/event-stream")
_CLIENT = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}
_MODERN = ("MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: send_message_stream")


def _post(path: str, document: dict[str, Any], *headers: str) -> bytes:
    body = json.dumps(document).encode()
    head = (f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *_ACCEPT, *headers, "", "")
    return "\r\n".join(head).encode() + body


def _call(**meta: Any) -> dict[str, Any]:
    arguments = {"name": "send_message_stream", "arguments": {"message": "Hi"}, "_meta": {"progressToken": 1, **meta}}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": arguments}


async def at_the_gateway(port: int) -> asyncio.StreamWriter:
    """A client of /stream."""
    return await _ask_and_stop(port, _post("/stream", {"message": "Hi"}))


async def at_mcp_http(port: int) -> asyncio.StreamWriter:
    """A client of MCP's streamable HTTP, in the modern era."""
    return await _ask_and_stop(port, _post("/mcp", _call(**MODERN_META), *_MODERN))


async def _ask_and_stop(port: int, request: bytes) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    _stop_reading(writer)
    writer.write(request)
    return writer


async def at_mcp_sse(port: int) -> asyncio.StreamWriter:
    """A client of MCP over HTTP+SSE that stops reading once the session is open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await reader.readuntil(b"data: ")
    path = (await reader.readline()).decode().strip()
    await _send(port, path, {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": _CLIENT})
    await reader.readuntil(b'"jsonrpc"')
    await _send(port, path, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    _stop_reading(writer)
    await _send(port, path, _call())
    return writer


async def _send(port: int, path: str, message: dict[str, Any]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_post(path, message, "Connection: close"))
    assert b" 202 " in await reader.read()
    writer.close()


def _stop_reading(writer: asyncio.StreamWriter) -> None:
    transport = writer.transport
    assert isinstance(transport, asyncio.ReadTransport)
    transport.pause_reading()


@contextlib.asynccontextmanager
async def readers(ask: Reader, port: int, count: int) -> AsyncIterator[None]:
    """Opens that many clients until the block ends."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(count):
            writer = await ask(port)
            stack.callback(lambda held: held.transport.abort(), writer)  # a writer without a reference is closed
        yield
