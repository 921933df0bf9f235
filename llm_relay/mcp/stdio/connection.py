"""MCP over standard input and output, one JSON-RPC message per line.

The SDK's stdio_server is not used: it waits for a thread that is blocked in a read, which no signal interrupts
(modelcontextprotocol/python-sdk#3551), and does not answer a line that it cannot parse.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
import mcp_types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import ServerMessageMetadata, SessionMessage

from llm_relay.mcp.json_rpc import MessageError, encode_message, max_request_bytes, read_message
from llm_relay.mcp.oversized import oversized
from llm_relay.mcp.scope_keys import RAW_ARGUMENTS, REPEATED_ARGUMENTS
from llm_relay.mcp.stdio.background_writer import BackgroundWriter
from llm_relay.mcp.stdio.line_reader import LineReader, LineTooLong
from llm_relay.mcp.stdio.unanswered import UnansweredRequests

FromClient = MemoryObjectReceiveStream[SessionMessage | Exception]
ToClient = MemoryObjectSendStream[SessionMessage]

ANSWER_GRACE_S = 3.0
"""How long each next answer may take after the input has ended."""
READER_CHECK_S = 0.05
"""How often to check during that time that the answers can still be read."""
MAX_UNANSWERED = 256
"""How many requests are read before one is answered. Then the client has to wait."""

_ANSWERS = (mcp_types.JSONRPCResponse, mcp_types.JSONRPCError)


@dataclass(frozen=True, slots=True)
class StdioRequest:
    """What the tool server reads about a request, as it does over HTTP."""

    scope: dict[str, Any] = field(default_factory=dict)


class StdioConnection:
    """The client at standard input and output.

    `from_client` ends when the input has ended and all requests are answered, or ANSWER_GRACE_S has passed without an
    answer. After the input has ended only answers are written, and nothing after the grace period: clients that have
    closed their end may fail on an unexpected message.
    """

    def __init__(self, wire_in: int, wire_out: int, max_message_bytes: int) -> None:
        max_line_bytes = max_request_bytes(max_message_bytes)
        self._reader = LineReader(wire_in, max_line_bytes)
        self._writer = BackgroundWriter(wire_out)
        self._unanswered = UnansweredRequests(max_count=MAX_UNANSWERED, max_bytes=2 * max_line_bytes)
        self._to_server, self.from_client = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        self.to_client, self._from_server = anyio.create_memory_object_stream[SessionMessage](0)
        self._input_has_ended = False
        self._is_silent = False

    def stop(self) -> None:
        """Stops all output if the client has already closed its end."""
        self._is_silent = self._input_has_ended or not self._reader.has_writer()

    async def receive(self) -> None:
        """Passes on what the client sends, until its input has ended and its requests are answered."""
        async with self._to_server:
            async for line in self._reader.lines():
                await self._receive_line(line)
            self._input_has_ended = True
            await self._wait_for_answers()
            self._is_silent = True

    async def send(self) -> None:
        """Writes what the server sends."""
        async with self._from_server:
            async for item in self._from_server:
                if self._may_write(item.message):
                    await self._writer.write(encode_message(item.message) + b"\n")
                if isinstance(item.message, _ANSWERS) and item.message.id is not None:
                    self._unanswered.remove(item.message.id)

    async def aclose(self) -> None:
        """Closes the streams, so that `receive` and `send` end."""
        for stream in (self._to_server, self.from_client, self.to_client, self._from_server):
            await stream.aclose()

    def _may_write(self, message: mcp_types.JSONRPCMessage) -> bool:
        if self._is_silent:
            return False
        return not self._input_has_ended or isinstance(message, _ANSWERS)

    async def _receive_line(self, line: bytes | LineTooLong) -> None:
        if isinstance(line, LineTooLong):
            await self.to_client.send(SessionMessage(oversized(line.head, line.tail).answer()))
            return
        try:
            received = read_message(line)
        except MessageError as error:
            await self.to_client.send(SessionMessage(error.answer))
        else:
            scope = {REPEATED_ARGUMENTS: received.repeated_arguments, RAW_ARGUMENTS: received.raw_arguments}
            await self._pass_on(received.message, len(line), scope)

    async def _pass_on(self, message: mcp_types.JSONRPCMessage, size: int, scope: dict[str, Any]) -> None:
        if not isinstance(message, mcp_types.JSONRPCRequest):
            await self._to_server.send(SessionMessage(message))
            return
        await self._unanswered.wait_for_room()
        self._unanswered.add(message.id, size)
        metadata = ServerMessageMetadata(
            request_context=StdioRequest(scope),
            on_request_unanswered=partial(self._forget, message.id),
        )
        await self._to_server.send(SessionMessage(message, metadata))

    async def _forget(self, request_id: mcp_types.RequestId) -> None:
        self._unanswered.remove(request_id)

    async def _wait_for_answers(self) -> None:
        now = asyncio.get_running_loop().time
        count, deadline = self._unanswered.count, now() + ANSWER_GRACE_S
        while count and now() < deadline and self._writer.has_reader():
            await self._unanswered.wait_for_answer(READER_CHECK_S)
            if self._unanswered.count < count:
                count, deadline = self._unanswered.count, now() + ANSWER_GRACE_S


@contextlib.asynccontextmanager
async def open_stdio(max_message_bytes: int) -> AsyncIterator[StdioConnection]:
    """Takes standard input and output for MCP and yields the connection to the client.

    Anything else that the program or its children print goes to stderr.
    """
    connection = StdioConnection(*_take_standard_streams(), max_message_bytes)
    async with contextlib.aclosing(connection), anyio.create_task_group() as tasks:
        tasks.start_soon(connection.receive)
        tasks.start_soon(connection.send)
        yield connection


def _take_standard_streams() -> tuple[int, int]:
    wire_in, wire_out = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return wire_in, wire_out
