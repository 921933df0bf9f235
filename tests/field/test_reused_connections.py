"""A reused connection to the provider that the other side closes at that moment."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine

import pytest

from tests.field.calls import WAYS
from tests.field.conftest import OPENAI
from tests.field.field import Field, open_field
from tests.field.wire import GOOD, chunked, compact, error

pytestmark = pytest.mark.anyio

KEPT = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LATE_S = 0.3
"""More than the 100 ms within which a closed connection shows that its request was not read."""
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


class Keeping:
    """A provider that keeps connections, and does something else with each request after the first on one."""

    def __init__(self, second: Serve) -> None:
        self.requests = 0
        self.connections = 0
        self._second = second
        self._serving: set[asyncio.Task[None]] = set()

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        serve: Serve = answer
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
                self.requests += 1
                await serve(reader, writer)
                serve = self._second

    @contextlib.asynccontextmanager
    async def behind_server_b(self) -> AsyncIterator[Field]:
        """Listens, and opens a stack that calls this provider."""
        server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with open_field(**{**OPENAI, "openai_base_url": f"http://127.0.0.1:{port}/v1"}) as field:
            yield field
        server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await server.wait_closed()


async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers and keeps the connection."""
    writer.write(KEPT + chunked(GOOD))
    await writer.drain()


async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Closes without sending a byte."""
    writer.close()


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Resets the connection without sending a byte."""
    writer.transport.abort()


async def close_late(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Works for a while, then closes without sending a byte."""
    await asyncio.sleep(LATE_S)
    writer.close()


async def close_within(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begins to answer, then closes."""
    writer.write(KEPT[:20])
    await writer.drain()
    writer.close()


async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Refuses and keeps the connection."""
    body = compact(error("x", "invalid_request_error"))
    writer.write(b"HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


async def ask(field: Field, way: str, count: int) -> list[tuple[object, object]]:
    """Makes calls one after another; returns the reason and the text of each."""
    results = [await field.call(way, {"message": "Hi", "model": "m"}) for _ in range(count)]
    return [(one.facts["reason"], one.facts["text"]) for one in results]


@pytest.mark.parametrize("way", WAYS)
async def test_connections_are_kept(way: str) -> None:
    provider = Keeping(answer)
    async with provider.behind_server_b() as field:
        assert await ask(field, way, 3) == [("", "Hello")] * 3
    assert (provider.requests, provider.connections) == (3, 1)


@pytest.mark.parametrize("way", WAYS)
async def test_a_connection_is_kept_after_a_refusal(way: str) -> None:
    provider = Keeping(refuse)
    async with provider.behind_server_b() as field:
        assert [reason for reason, _ in await ask(field, way, 3)] == ["", "PROVIDER_REJECTED", "PROVIDER_REJECTED"]
    assert provider.connections <= 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("second", [close, reset])
async def test_a_request_on_a_connection_that_was_just_closed_is_sent_again_once(way: str, second: Serve) -> None:
    provider = Keeping(second)
    async with provider.behind_server_b() as field:
        assert await ask(field, way, 3) == [("", "Hello")] * 3
    assert (provider.requests, provider.connections) == (5, 3)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("second", [close_late, close_within])
async def test_a_request_that_may_have_worked_is_not_sent_again(way: str, second: Serve) -> None:
    provider = Keeping(second)
    async with provider.behind_server_b() as field:
        (_, answered), (reason, _) = await ask(field, way, 2)
    assert (answered, reason in ("PROVIDER_UNAVAILABLE", "PROVIDER_PROTOCOL")) == ("Hello", True)
    assert provider.requests == 2
