"""Every interface ("door") of the relay behind one protocol, so that one test can run against all of them."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.shared.exceptions import MCPError

from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.documents import answer_document, finish_document, part_document, prompt_from_document
from llm_relay.errors import RelayError
from llm_relay.messages import Delta, Finished, OutputDelta, Started, answer_parts
from tests.support.openai_doors import ChatDoor, ResponsesDoor
from tests.support.programs import environment
from tests.support.refusal import Document, OnText, Refusal

LIMIT_S = 60.0


class Door(Protocol):
    """One interface. Both calls raise Refusal; cancelling their task is the caller leaving."""

    async def whole(self, **fields: Any) -> Document:
        """Returns the answer document."""
        ...

    async def stream(self, on_text: OnText, **fields: Any) -> Document:
        """Passes on each text as it arrives, then returns the finish document, with the `parts` that are not text."""
        ...


@dataclass(frozen=True)
class Addresses:
    """The addresses of the programs."""

    server_b: str
    gateway: str
    mcp_http: str
    mcp_sse: str
    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    """The working folder of a Server A that a client starts."""


class GrpcDoor:
    """Server B itself."""

    def __init__(self, client: RelayClient) -> None:
        self._client = client

    async def whole(self, **fields: Any) -> Document:
        with refusing():
            return dict(answer_document(await self._client.process(prompt_from_document(fields))))

    async def stream(self, on_text: OnText, **fields: Any) -> Document:
        started, finished = None, None
        deltas: list[OutputDelta] = []
        with refusing():
            async with contextlib.aclosing(self._client.stream_process(prompt_from_document(fields))) as events:
                async for event in events:
                    match event:
                        case Started():
                            started = event
                        case Finished():
                            assert finished is None, "a second finish"
                            finished = event
                        case _:
                            deltas.append(event)
                            if isinstance(event, Delta):
                                on_text(event.text)
        assert started is not None
        assert finished is not None
        parts = [part_document(part) for part in answer_parts(deltas, started.provider)]
        return {
            **finish_document(started.request_id, started.provider, finished),
            **({"parts": parts} if parts else {}),
        }


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """Turns a RelayError into a Refusal."""
    try:
        yield
    except RelayError as error:
        raise Refusal(error.reason, error.message, error.request_id, error.retry_after_s) from error


class HttpDoor:
    """The gateway."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def whole(self, **fields: Any) -> Document:
        response = await self._client.post("/process", json=fields)
        if response.status_code != 200:
            raise _problem(response)
        return _document(response.text)

    async def stream(self, on_text: OnText, **fields: Any) -> Document:
        finish = None
        parts: list[Document] = []
        async with self._client.stream("POST", "/stream", json=fields) as response:
            if response.status_code != 200:
                await response.aread()
                raise _problem(response)
            async for kind, data in _events(response):
                if data == "[DONE]":
                    assert finish is not None, "[DONE] without a finish"
                    return {**finish, **({"parts": parts} if parts else {})}
                document = _document(data)
                match kind:
                    case "":
                        on_text(_text(document))
                    case "finish":
                        assert finish is None, "a second finish"
                        finish = document
                    case "tool_call_finished":
                        parts.append({"tool_call": document["call"]})
                    case _:
                        pass  # events of a tool call that begins, its deltas, and reasoning
        raise AssertionError("the stream ended without a finish or an error")


async def _events(response: httpx2.Response) -> AsyncIterator[tuple[str, str]]:
    """Yields the name and the data of each event, as they arrive."""
    kind, data = "", list[str]()
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if not line and data:
            yield kind, "\n".join(data)
        if not line:
            kind, data = "", []
        elif name == "event":
            kind = value
        elif name == "data":
            data.append(value)


def _text(document: Document) -> str:
    if "error" in document:
        raise Refusal(document["reason"], document["error"], document["requestId"])
    return str(document["content"])


def _document(text: str) -> Document:
    document: Document = json.loads(text)
    return document


def _problem(response: httpx2.Response) -> Refusal:
    document, seconds = _document(response.text), response.headers.get("retry-after")
    return Refusal(
        document["reason"], document["detail"], document["requestId"], None if seconds is None else float(seconds)
    )


class McpDoor:
    """Server A, over one of its transports and in one of its eras."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def whole(self, **fields: Any) -> Document:
        return await self._call("send_message", None, fields)

    async def stream(self, on_text: OnText, **fields: Any) -> Document:
        told: list[str] = []

        async def on_progress(_progress: float, _total: float | None, message: str | None) -> None:
            if message:
                told.append(message)
                on_text(message)

        finish = await self._call("send_message_stream", on_progress, fields)
        text, seen = finish.pop("text"), "".join(told)
        assert text.startswith(seen), "the progress notifications differ from the answer"
        on_text(text.removeprefix(seen))
        return finish

    async def _call(self, tool: str, on_progress: Any, fields: Document) -> Document:
        try:
            result = await self._client.call_tool(tool, fields, progress_callback=on_progress)
        except MCPError as error:
            if not isinstance(data := error.error.data, dict) or "reason" not in data:
                raise
            raise Refusal(data["reason"], error.error.message, "") from error
        if result.is_error:
            meta = result.meta or {}
            text: str = result.content[0].text  # type: ignore[union-attr]
            raise Refusal(meta["reason"], text, meta.get("requestId", ""), meta.get("retryAfter"))
        assert result.structured_content is not None
        return dict(result.structured_content)


@contextlib.asynccontextmanager
async def open_door(name: str, at: Addresses, *, timeout_s: float = LIMIT_S) -> AsyncIterator[Door]:
    """Opens the door of that name, one of DOORS. Over gRPC and HTTP the caller sets the deadline."""
    async with contextlib.AsyncExitStack() as stack:
        match name.split("-"):
            case ["grpc"]:
                yield GrpcDoor(
                    await stack.enter_async_context(RelayClient(Dial(target=at.server_b), timeout_s=timeout_s))
                )
            case ["http"] | ["v1", _]:
                headers = {"x-request-timeout": str(timeout_s)}
                http = httpx2.AsyncClient(
                    base_url=f"http://{at.gateway}", headers=headers, timeout=LIMIT_S, trust_env=False
                )
                client = await stack.enter_async_context(http)
                kinds: dict[str, Callable[[httpx2.AsyncClient], Door]] = {
                    "http": HttpDoor,
                    "v1-chat": ChatDoor,
                    "v1-responses": ResponsesDoor,
                }
                yield kinds[name](client)
            case ["mcp", transport, era]:
                mcp = Client(_mcp_transport(transport, at), mode="legacy" if era == "legacy" else "2026-07-28")
                yield McpDoor(await stack.enter_async_context(mcp))
            case _:
                raise ValueError(name)


def _mcp_transport(transport: str, at: Addresses) -> Any:
    match transport:
        case "http":
            return f"http://{at.mcp_http}/mcp"
        case "sse":
            return sse_client(f"http://{at.mcp_sse}/sse")
        case _:
            return StdioServerParameters(
                command=sys.executable,
                args=["-m", "server_a", "stdio"],
                cwd=at.folder,
                env=environment({"SERVER_B_TARGET": at.server_b, **at.settings}),
            )


DOORS = ("grpc", "http", "mcp-stdio-legacy", "mcp-sse-legacy", "mcp-http-legacy", "mcp-http-modern", "mcp-stdio-modern")


OPENAI_DOORS = ("v1-chat", "v1-responses")
"""Doors that take only a message and a model."""


async def texts(door: Door, **fields: Any) -> tuple[list[str], Document]:
    """Reads a stream to its end; returns the texts and the finish document."""
    seen: list[str] = []
    finish = await door.stream(seen.append, **fields)
    return seen, finish


async def until_first_text(door: Door, **fields: Any) -> asyncio.Task[Document]:
    """Starts a stream; returns its task once the first text has arrived."""
    came = asyncio.Event()
    task = asyncio.create_task(door.stream(lambda _: came.set(), **fields))
    async with asyncio.timeout(LIMIT_S):
        await asyncio.wait([task, waiting := asyncio.create_task(came.wait())], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    return task
