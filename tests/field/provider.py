"""A provider that plays exact bytes, chosen by the requested model."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

LINGER_NOT = struct.pack("ii", 1, 0)
SEGMENT_GAP_S = 0.001
"""Pause between two segments, so that the other side can read them one by one."""


@dataclass(frozen=True, slots=True)
class Pause:
    """The provider sends nothing for this many seconds."""

    seconds: float


class Reset:
    """The provider resets the connection."""


class Hold:
    """The provider sends nothing until the other side has left."""


Step = bytes | Pause | Reset | Hold
Steps = Sequence[Step]
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """A request that the provider received."""

    path: str
    body: Body


Answering = Callable[[Request], Steps]
"""Chooses the answer by the request."""
Script = Sequence[Steps] | Answering
"""An answer for each request, the last one for all later ones; or a function that chooses."""


def refusing(member: str, refusal: Steps, good: Steps) -> Answering:
    """Answers with `refusal` while the request has that member (not null or false), then with `good`."""
    return lambda request: refusal if request.body.get(member) not in (None, False) else good


class RawProvider:
    """Listens on a free port of loopback. Each connection serves one request and is closed after its answer."""

    def __init__(self) -> None:
        self.port = 0
        self.scripts: dict[str, Script] = {}
        """By model."""
        self.requests: dict[str, list[Request]] = defaultdict(list)
        """By model; a request without one is found by its path."""
        self.asked: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        """Set when an answer has come as far as its first pause, by model."""
        self.left: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        """Set when the other side has left an answer that holds, by model."""
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[RawProvider]:
        """Serves until the block ends."""
        server = await asyncio.start_server(self._begin, "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)
            await server.wait_closed()

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _read(reader)
            model = _model(request)
            self.requests[model].append(request)
            await self._play(self._steps(model, request), model, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _steps(self, model: str, request: Request) -> Steps:
        script = self.scripts.get(model, ((),))
        if callable(script):
            return script(request)
        return script[min(len(self.requests[model]), len(script)) - 1]

    async def _play(self, steps: Steps, model: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for step in steps:
            match step:
                case bytes():
                    writer.write(step)
                    await writer.drain()
                    await asyncio.sleep(SEGMENT_GAP_S)
                case Pause():
                    await asyncio.sleep(step.seconds)
                case Reset():
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
                    writer.transport.abort()
                case Hold():
                    self.asked[model].set()
                    with contextlib.suppress(ConnectionError):
                        await reader.read()
                    self.left[model].set()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0] or "0")
    return Request(head.split(" ", 2)[1], json.loads(await reader.readexactly(length) or b"{}"))


def _model(request: Request) -> str:
    """Returns the requested model; Bedrock's requests have it in the path."""
    if request.path.startswith("/model/"):
        return unquote(request.path.split("/")[2])
    return str(request.body.get("model", request.path))
