"""A client that abandons a call, in any way that its transport has, ends the call down to the provider."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from server_b.providers.base import Text
from tests.server_a.conftest import Behind, OpenBehind
from tests.support.mcp_http import ACCEPT, CLIENT, MODERN, SESSION_ID, request
from tests.support.mcp_stdio import MODERN_META
from tests.support.programs import running
from tests.support.scripted import OPENING, End, Step

pytestmark = pytest.mark.anyio

LIMIT_S = 20.0

MOMENTS = [
    pytest.param("send_message", (), id="whole answer"),
    pytest.param("send_message_stream", (), id="before the first token"),
    pytest.param("send_message_stream", (OPENING, Text("Hel")), id="during the stream"),
]


def call(number: int, tool: str, **meta: Any) -> dict[str, Any]:
    params = {"name": tool, "arguments": {"message": "Hi"}, "_meta": {"progressToken": number, **meta}}
    return request(number, "tools/call", params)


def notification(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, "params": params}


@dataclass
class Session:
    """A session of the legacy era over streamable HTTP."""

    http: httpx2.AsyncClient

    async def post(self, message: dict[str, Any]) -> httpx2.Response:
        return await self.http.post("/mcp", json=message)

    @contextlib.asynccontextmanager
    async def posting(self, message: dict[str, Any]) -> AsyncIterator[None]:
        """Sends a request, and drops its connection at the end of the block."""
        async with self.http.stream("POST", "/mcp", json=message) as response:
            assert response.status_code == 200
            yield


@contextlib.asynccontextmanager
async def served(behind: OpenBehind, transport: str, *script: Step) -> AsyncIterator[tuple[Behind, httpx2.AsyncClient]]:
    """Serves over HTTP in front of a provider that plays the script; yields the server and a client."""
    async with (
        behind(*script) as b,
        running(b.folder, "server_a", transport, SERVER_B_TARGET=b.target, MCP_PORT_A="0") as program,
        httpx2.AsyncClient(
            base_url=f"http://{program.address}", headers=ACCEPT, timeout=LIMIT_S, trust_env=False
        ) as http,
    ):
        yield b, http


async def open_session(http: httpx2.AsyncClient) -> Session:
    response = await http.post("/mcp", json=request(0, "initialize", CLIENT))
    http.headers[SESSION_ID] = response.headers[SESSION_ID]
    assert (await http.post("/mcp", json=notification("notifications/initialized"))).status_code == 202
    return Session(http)


@pytest.mark.parametrize(("tool", "said"), MOMENTS)
async def test_dropping_a_legacy_request_ends_its_call(behind: OpenBehind, tool: str, said: tuple[Step, ...]) -> None:
    async with served(behind, "http", *said, asyncio.Event()) as (b, http):
        session = await open_session(http)
        async with session.posting(call(1, tool)):
            await b.provider.until_waiting()
        assert await b.provider.until_ended() is End.ABORTED
        assert (await session.post(request(2, "ping", {}))).status_code == 200


async def test_dropping_a_legacy_request_for_json_ends_its_call(behind: OpenBehind) -> None:
    async with served(behind, "http", OPENING, Text("Hel"), asyncio.Event()) as (b, http):
        session = await open_session(http)
        http.headers["Accept"] = "application/json"
        posting = asyncio.create_task(session.post(call(1, "send_message_stream")))
        await b.provider.until_waiting()
        posting.cancel()
        assert await b.provider.until_ended() is End.ABORTED


async def test_cancelling_a_legacy_request_ends_its_call(behind: OpenBehind) -> None:
    async with served(behind, "http", asyncio.Event()) as (b, http):
        session = await open_session(http)
        async with session.posting(call(1, "send_message")):
            await b.provider.until_waiting()
            await session.post(notification("notifications/cancelled", requestId=1))
            assert await b.provider.until_ended() is End.ABORTED


async def test_deleting_a_legacy_session_ends_its_call(behind: OpenBehind) -> None:
    async with served(behind, "http", asyncio.Event()) as (b, http):
        session = await open_session(http)
        async with session.posting(call(1, "send_message")):
            await b.provider.until_waiting()
            assert (await http.delete("/mcp")).status_code == 200
            assert await b.provider.until_ended() is End.ABORTED


@pytest.mark.parametrize("accept", ["application/json, text/event-stream", "application/json", "text/event-stream"])
@pytest.mark.parametrize(("tool", "said"), MOMENTS)
async def test_closing_the_stream_of_a_modern_request_ends_its_call(
    behind: OpenBehind, tool: str, said: tuple[Step, ...], accept: str
) -> None:
    async with served(behind, "http", *said, asyncio.Event()) as (b, http):
        # Nothing is answered before the first notification, so the request is a task of its own.
        headers = {**MODERN, "Mcp-Name": tool, "Accept": accept}
        posting = asyncio.create_task(http.post("/mcp", json=call(1, tool, **MODERN_META), headers=headers))
        await b.provider.until_waiting()
        posting.cancel()
        assert await b.provider.until_ended() is End.ABORTED


@pytest.mark.parametrize(("tool", "said"), MOMENTS)
@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_dropping_a_request_with_another_one_behind_it_ends_its_call(
    behind: OpenBehind, era: str, tool: str, said: tuple[Step, ...]
) -> None:
    async with served(behind, "http", *said, asyncio.Event()) as (b, http):
        if era == "legacy":
            await open_session(http)
            message, headers = call(1, tool), {}
        else:
            message, headers = call(1, tool, **MODERN_META), {**MODERN, "Mcp-Name": tool}
        built = http.build_request("POST", "/mcp", json=message, headers=headers)
        head = "".join(f"{name}: {value}\r\n" for name, value in built.headers.items())
        _, writer = await asyncio.open_connection(built.url.host, built.url.port)
        writer.write(f"POST /mcp HTTP/1.1\r\n{head}\r\n".encode() + built.content)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await b.provider.until_waiting()
        writer.close()
        assert await b.provider.until_ended() is End.ABORTED


@dataclass
class EventStream:
    """A connection over HTTP+SSE."""

    http: httpx2.AsyncClient
    lines: AsyncIterator[str]
    path: str = ""

    async def open(self) -> None:
        self.path = await self.data()
        await self.post(request(0, "initialize", CLIENT))
        assert json.loads(await self.data())["id"] == 0
        await self.post(notification("notifications/initialized"))

    async def data(self) -> str:
        async with asyncio.timeout(LIMIT_S):
            async for line in self.lines:
                if line.startswith("data: "):
                    return line.removeprefix("data: ")
        raise AssertionError("the stream has ended")

    async def post(self, message: dict[str, Any]) -> None:
        assert (await self.http.post(self.path, json=message)).status_code == 202


@contextlib.asynccontextmanager
async def event_stream(http: httpx2.AsyncClient) -> AsyncIterator[EventStream]:
    async with http.stream("GET", "/sse") as response:
        stream = EventStream(http, response.aiter_lines())
        await stream.open()
        yield stream


@pytest.mark.parametrize(("tool", "said"), MOMENTS)
async def test_closing_an_event_stream_ends_its_call(behind: OpenBehind, tool: str, said: tuple[Step, ...]) -> None:
    async with served(behind, "sse", *said, asyncio.Event()) as (b, http):
        async with event_stream(http) as stream:
            await stream.post(call(1, tool))
            await b.provider.until_waiting()
        assert await b.provider.until_ended() is End.ABORTED


async def test_cancelling_a_request_over_an_event_stream_ends_its_call(behind: OpenBehind) -> None:
    async with served(behind, "sse", asyncio.Event()) as (b, http), event_stream(http) as stream:
        await stream.post(call(1, "send_message"))
        await b.provider.until_waiting()
        await stream.post(notification("notifications/cancelled", requestId=1))
        assert await b.provider.until_ended() is End.ABORTED


async def test_the_channel_outlives_its_clients(behind: OpenBehind) -> None:
    async with served(behind, "sse") as (_, http):
        for _ in range(2):
            async with event_stream(http) as stream:
                await stream.post(call(1, "send_message"))
                answer = json.loads(await stream.data())
                assert answer["result"]["structuredContent"]["aiResponse"] == "Hello"
