"""How the events of a call become writes to the client."""

import asyncio
from collections.abc import AsyncGenerator, MutableMapping
from typing import Any

import pytest

from gateway.openai.chat.stream import ChatLines
from gateway.streaming import EventStream, Pings
from llm_relay.errors import ProviderUnavailable
from llm_relay.messages import Delta, Event
from tests.gateway.openai.events import STARTED, finished

pytestmark = pytest.mark.anyio

Step = Event | asyncio.Event | Exception
SCOPE: dict[str, Any] = {"type": "http"}


class Client:
    """Stands in for an HTTP server: it accepts the writes and stays connected."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.wrote = asyncio.Event()

    async def receive(self) -> MutableMapping[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            self.writes.append(message["body"])
            self.wrote.set()


async def events(*steps: Step) -> AsyncGenerator[Event, None]:
    for step in steps:
        match step:
            case asyncio.Event():
                await step.wait()
            case Exception():
                raise step
            case _:
                yield step


async def sent(client: Client, *steps: Step) -> None:
    stream = EventStream(events(*steps), ChatLines("r-1", 7, include_usage=False), Pings())
    async with asyncio.timeout(60):
        await stream(SCOPE, client.receive, client.send)


async def test_the_start_is_sent_with_the_first_token() -> None:
    client = Client()
    await sent(client, STARTED, Delta(text="Hi", sequence=2), Delta(text="Ho", sequence=3), finished())
    first, second, _ = client.writes
    assert first.count(b"data: ") == 2
    assert b'"role":"assistant"' in first
    assert b'"content":"Hi"' in first
    assert second.count(b"data: ") == 1


async def test_the_start_is_sent_alone_if_nothing_follows_soon() -> None:
    client, go_on = Client(), asyncio.Event()
    sending = asyncio.create_task(sent(client, STARTED, go_on, Delta(text="Hi", sequence=2), finished()))
    await client.wrote.wait()
    assert client.writes[0].count(b"data: ") == 1
    go_on.set()
    await sending
    assert b"".join(client.writes).count(b'"role":"assistant"') == 1


async def test_a_failure_before_anything_was_written_is_raised_and_nothing_is_written_later() -> None:
    client = Client()
    with pytest.raises(ProviderUnavailable):
        await sent(client, STARTED, ProviderUnavailable())
    assert client.writes == []


async def test_a_start_without_tokens_is_sent_with_the_end() -> None:
    client = Client()
    await sent(client, STARTED, finished())
    (only,) = client.writes
    assert only.count(b"data: ") == 3
