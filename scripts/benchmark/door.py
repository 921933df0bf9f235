"""The interface through which a target is called, and connections to it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Literal

from scripts.benchmark.asked import MARK, Asked
from scripts.benchmark.grpc_line import GrpcConnection
from scripts.benchmark.http_line import HttpLine, post
from scripts.benchmark.tally import Line

QUESTION = "Explain quantum computing in simple terms"
GRPC_CONNECTIONS = 4
"""How many connections the calls of a gRPC load share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """An interface of a target."""

    kind: Literal["grpc", "http", "openai", "provider", "mcp"]
    port: int
    session: str = ""
    """MCP: the session's id and the tool to call, echo or send_message."""
    tool: str = ""

    def copies(self, asked: Asked) -> int:
        """Returns how often an answer contains each token.

        MCP sends it as text and as structured content. Our own interfaces send a tool call as deltas and at its end.
        """
        return 2 if self.kind == "mcp" or (asked.is_call and self.kind in ("grpc", "http")) else 1


async def open_lines(door: Door, asked: Asked, callers: int, *, is_stream: bool) -> list[Line]:
    """Returns enough connections for the callers. Raises OSError if nothing listens."""
    loop = asyncio.get_running_loop()
    lines: list[Line] = []
    for _ in range(min(callers, GRPC_CONNECTIONS) if door.kind == "grpc" else callers):
        _, line = await loop.create_connection(lambda: _line(door, asked, is_stream), "127.0.0.1", door.port)
        lines.append(line)
    return lines


def _line(door: Door, asked: Asked, is_stream: bool) -> GrpcConnection | HttpLine:
    if door.kind == "grpc":
        method = "StreamProcess" if is_stream else "Process"
        return GrpcConnection(f"/relay.v1.RelayService/{method}", _message(asked))
    return HttpLine(_request(door, asked, is_stream))


def _message(asked: Asked) -> bytes:
    """Returns a ProcessRequest, which is a StreamProcessRequest too: fields 1 (message) and 4 (model)."""
    return b"".join(
        bytes((number << 3 | 2, len(text))) + text.encode() for number, text in ((1, QUESTION), (4, asked.model))
    )


def _request(door: Door, asked: Asked, is_stream: bool) -> bytes:
    question = {"message": QUESTION, "model": asked.model}
    if door.kind == "http":
        return post(door.port, "/stream" if is_stream else "/process", _json(question))
    if door.kind == "provider":
        return post(door.port, "/v1/chat/completions", _json({"model": asked.model, "stream": is_stream}))
    if door.kind == "openai":
        messages = [{"role": "user", "content": QUESTION}]
        body = _json({"model": asked.model, "messages": messages, "stream": is_stream})
        return post(door.port, "/v1/chat/completions", body)
    if door.tool == "echo":
        question = {"message": f"{MARK.decode()} " * asked.tokens}
    call = {"name": door.tool, "arguments": question}
    body = _json({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
    return post(
        door.port, "/mcp", body, "accept: application/json, text/event-stream", f"mcp-session-id: {door.session}"
    )


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
