"""What all stand-ins share: the listening socket, the connections, and the record of requests."""

import asyncio
import contextlib
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Self

from tests.standins.answer import Answer
from tests.standins.connection import Connection, Request
from tests.standins.exchange import Outcome, Received, play
from tests.standins.script import Fault, Script


class StandIn(ABC):
    """A provider on its own port for the length of `async with`; at the end it raises its own internal errors."""

    def __init__(self, script: Script | None = None) -> None:
        """Answers by `script`, by default an ordinary one."""
        self.script = script or Script()
        """The default script. It may be set at any time, and applies to later requests."""
        self.scripts: dict[str, Script] = {}
        """Scripts that replace the default one for requests of these models."""
        self.listing = Script()
        """The pace and the fault of the list of models."""
        self.url = ""
        """Where it listens, without a path; kept when it has stopped."""
        self.requests: list[Received] = []
        """All requests so far, oldest first."""
        self._arrivals: asyncio.Queue[Received] = asyncio.Queue()
        self._strikes: Counter[Fault] = Counter()
        self._connections: set[asyncio.Task[None]] = set()
        self._errors: list[BaseException] = []

    @abstractmethod
    def answer(self, received: Received) -> Answer:
        """Returns the answer to this request."""

    @property
    def open_connections(self) -> int:
        """How many clients' connections are open now, including idle ones."""
        return len(self._connections)

    async def next_request(self, within_s: float = 30.0) -> Received:
        """Waits for the oldest request not yet taken; raises TimeoutError after `within_s` seconds."""
        async with asyncio.timeout(within_s):
            return await self._arrivals.get()

    async def all_closed(self, within_s: float = 30.0) -> None:
        """Waits until no connection is open; raises TimeoutError after `within_s` seconds."""
        async with asyncio.timeout(within_s):
            while self._connections:
                await asyncio.wait(self._connections)

    async def __aenter__(self) -> Self:
        """Listens on a free port of the loopback interface."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Closes everything; raises ExceptionGroup if the stand-in itself failed."""
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        if self._errors:
            raise BaseExceptionGroup(f"{type(self).__name__} failed", self._errors)

    @contextlib.asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Refuses connections, and closes those that are open, while the block runs."""
        host, port = self._server.sockets[0].getsockname()
        self._server.close()
        for task in self._connections:
            task.cancel()
        try:
            yield
        finally:
            self._server = await asyncio.start_server(self._accept, host, port)

    def next_script(self, model: str | None = None) -> Script:
        """Returns the script of this model's next answer (or list), without a fault that has struck its `times`."""
        script = self.listing if model is None else self.scripts.get(model, self.script)
        fault = script.fault
        if fault is None:
            return script
        self._strikes[fault] += 1
        spent = fault.times is not None and self._strikes[fault] > fault.times
        return replace(script, fault=None) if spent else script

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(Connection(reader, writer)))
        self._connections.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._connections.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._errors.append(error)

    async def _serve(self, connection: Connection) -> None:
        try:
            while (request := await connection.next_request()) is not None:
                await self._exchange(connection, request)
        finally:
            connection.abort()

    async def _exchange(self, connection: Connection, request: Request) -> None:
        method, path, headers, body = request
        document = json.loads(body) if body else None
        received = Received(method=method, path=path, headers=headers, body=document, data=body)
        self.requests.append(received)
        self._arrivals.put_nowait(received)
        try:
            if not await connection.unless_gone(play(connection, self.answer(received), received)):
                received.end(Outcome.DISCONNECTED)
        finally:
            received.closed.set()
