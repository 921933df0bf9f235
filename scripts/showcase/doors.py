"""Sends one message over each interface of the relay, as a client of that interface does."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx2
from mcp.client import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent

from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.documents import answer_document, usage_document
from llm_relay.messages import Delta, Finished, Prompt

TIMEOUT = httpx2.Timeout(30, read=300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """The addresses of the interfaces, and the token for them."""

    dial: Dial
    http_url: str
    mcp_http_url: str
    mcp_sse_url: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.dial.token}"} if self.dial.token else {}


class DoorError(Exception):
    """An interface returned something unexpected."""


Say = Callable[[str], None]
"""Shows a piece of the answer as it arrives."""

Receipt = Mapping[str, Any]
"""The `model` and `usage` of an answer, in the shape of HTTP and MCP answers."""

Door = Callable[[Relay, str, Say], Awaitable[Receipt]]


async def health(relay: Relay) -> str:
    """Returns the state of Server B from the gateway. Raises DoorError if either is unhealthy."""
    async with httpx2.AsyncClient(headers=relay.headers, timeout=TIMEOUT) as http:
        response = await http.get(f"{relay.http_url}/health")
    answer: dict[str, Any] = response.json()
    if response.is_error:
        raise DoorError(f"{relay.http_url}/health returned: {answer}")
    return f"{answer['server']} is {answer['status']}, with the {answer['provider']} provider."


async def grpc_whole(relay: Relay, message: str, say: Say) -> Receipt:
    async with RelayClient(relay.dial) as client:
        answer = await client.process(Prompt(message=message))
    say(answer.text)
    return answer_document(answer)


async def grpc_streamed(relay: Relay, message: str, say: Say) -> Receipt:
    receipt: Receipt = {}
    async with RelayClient(relay.dial) as client:
        async for event in client.stream_process(Prompt(message=message)):
            if isinstance(event, Delta):
                say(event.text)
            elif isinstance(event, Finished):
                receipt = {"model": event.model, "usage": usage_document(event)}
    return receipt


async def http_whole(relay: Relay, message: str, say: Say) -> Receipt:
    async with httpx2.AsyncClient(headers=relay.headers, timeout=TIMEOUT) as http:
        response = await http.post(f"{relay.http_url}/process", json={"message": message})
    answer: dict[str, Any] = response.json()
    if response.is_error:
        raise DoorError(f"{response.status_code} {answer}")
    say(answer["aiResponse"])
    return answer


async def http_streamed(relay: Relay, message: str, say: Say) -> Receipt:
    receipt: Receipt = {}
    async with (
        httpx2.AsyncClient(headers=relay.headers, timeout=TIMEOUT) as http,
        http.stream("POST", f"{relay.http_url}/stream", json={"message": message}) as response,
    ):
        if response.is_error:
            raise DoorError(f"{response.status_code} {(await response.aread()).decode()}")
        async for line in response.aiter_lines():
            if line == "data: [DONE]":
                return receipt
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                if "error" in event:
                    raise DoorError(event["error"])
                say(event.get("content", ""))
                receipt = event
    raise DoorError("the stream ended without [DONE]")


@contextlib.asynccontextmanager
async def mcp_over_http(relay: Relay) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers=relay.headers, timeout=TIMEOUT) as http,
        Client(streamable_http_client(relay.mcp_http_url, http_client=http)) as client,
    ):
        yield client


@contextlib.asynccontextmanager
async def mcp_over_sse(relay: Relay) -> AsyncIterator[Client]:
    async with Client(sse_client(relay.mcp_sse_url, headers=relay.headers)) as client:
        yield client


@contextlib.asynccontextmanager
async def mcp_over_stdio(relay: Relay) -> AsyncIterator[Client]:
    """Starts its own Server A, as MCP clients do. Shows its log only after an error."""
    environment = {**os.environ, "SERVER_B_TARGET": relay.dial.target}
    server_a = StdioServerParameters(command=sys.executable, args=["-P", "-m", "llm_relay.cli", "mcp"], env=environment)
    with tempfile.TemporaryFile("w+") as log:
        try:
            async with Client(stdio_client(server_a, errlog=log)) as client:
                yield client
        except Exception as error:
            log.seek(0)
            error.add_note(log.read())
            raise


McpConnection = Callable[[Relay], AbstractAsyncContextManager[Client]]


async def mcp_whole(connection: McpConnection, relay: Relay, message: str, say: Say) -> Receipt:
    async with connection(relay) as client:
        result = await client.call_tool("send_message", {"message": message})
    say(_text(result))
    return result.structured_content or {}


async def mcp_streamed(connection: McpConnection, relay: Relay, message: str, say: Say) -> Receipt:
    question = {"message": message}
    said = ""

    async def more(progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG001  as MCP calls it
        nonlocal said
        said += message or ""
        say(message or "")

    async with connection(relay) as client:
        result = await client.call_tool("send_message_stream", question, progress_callback=more)
    say(_text(result).removeprefix(said))
    return result.structured_content or {}


def _text(result: CallToolResult) -> str:
    text = "".join(block.text for block in result.content if isinstance(block, TextContent))
    if result.is_error:
        raise DoorError(text)
    return text


DOORS: Mapping[str, Door] = {
    "gRPC, whole": grpc_whole,
    "gRPC, streamed": grpc_streamed,
    "HTTP, whole": http_whole,
    "HTTP, streamed": http_streamed,
    "MCP HTTP, whole": partial(mcp_whole, mcp_over_http),
    "MCP HTTP, streamed": partial(mcp_streamed, mcp_over_http),
    "MCP SSE, whole": partial(mcp_whole, mcp_over_sse),
    "MCP SSE, streamed": partial(mcp_streamed, mcp_over_sse),
    "MCP stdio, whole": partial(mcp_whole, mcp_over_stdio),
    "MCP stdio, streamed": partial(mcp_streamed, mcp_over_stdio),
}
