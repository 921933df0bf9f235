"""Timeouts and repeats of a client, announced to Server B as metadata over a real channel."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from google.protobuf.message import Message

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.announced_retry import ClientRetry
from llm_relay.client.relay_client import RelayClient
from llm_relay.messages import Prompt
from server_b.core.calls.call_key import Delivery
from server_b.core.relay import Relay
from server_b.providers.base import Text
from tests.support.held_time import HELD_TIME, HeldLoop, held_loop
from tests.support.relayed import a_few_turns, text
from tests.support.scripted import ENDING, HELLO, OPENING, End, ScriptedProvider
from tests.support.serving import Serving, serving
from tests.support.wire import Metadata, events, wire

pytestmark = pytest.mark.anyio

DIGEST = "a" * 64
TIMEOUT_S = 1.5

both_methods = pytest.mark.parametrize(
    ("method", "request_type"), [("Process", pb.ProcessRequest), ("StreamProcess", pb.StreamProcessRequest)]
)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, type[HeldLoop]]]:
    return HELD_TIME


@contextlib.asynccontextmanager
async def serving_held(provider: ScriptedProvider) -> AsyncIterator[tuple[Serving, HeldLoop]]:
    """Serves a provider while time is held."""
    async with serving(provider) as server:
        with held_loop().held():
            yield server, held_loop()


def retry_metadata(count: int, **other: str) -> Metadata:
    """Makes a client's metadata; `other` values replace the good ones."""
    values = {"body_digest": DIGEST, "retry_count": str(count), "read_timeout": str(TIMEOUT_S)} | other
    return tuple((f"relay-{name.replace('_', '-')}", value) for name, value in values.items())


async def until_read_by(relay: Relay, readers: int) -> None:
    while relay._readers != readers:
        await a_few_turns()


@both_methods
async def test_a_repeat_joins_the_call_that_timed_out_and_gets_its_id(method: str, request_type: type[Message]) -> None:
    gate = asyncio.Event()
    provider = ScriptedProvider([gate, OPENING, Text("late"), ENDING], HELLO)
    async with serving_held(provider) as (server, loop), wire(server.target) as client:
        first = client.stream(request_type(message="Hi", request_id="id-1"), retry_metadata(0), method=method)
        await first.initial_metadata()
        await provider.until_waiting()
        loop.advance(TIMEOUT_S)
        first.cancel()
        await until_read_by(server.relay, 0)
        repeat = client.stream(request_type(message="Hi", request_id="id-2"), retry_metadata(1), method=method)
        assert dict(await repeat.initial_metadata())["relay-request-id"] == "id-1"
        gate.set()
        assert b"late" in b"".join([data async for data in repeat])
    assert [one.end for one in provider.tries] == [End.WHOLE]


@pytest.mark.parametrize(
    "bad",
    [
        {"body_digest": "a" * 63},
        {"body_digest": "g" * 64},
        {"read_timeout": "0"},
        {"read_timeout": "inf"},
        {"read_timeout": "soon"},
    ],
    ids=str,
)
async def test_a_call_with_bad_metadata_is_answered_and_stops_when_its_client_leaves(bad: dict[str, str]) -> None:
    provider = ScriptedProvider([OPENING, asyncio.Event()])
    async with serving_held(provider) as (server, loop), wire(server.target) as client:
        call = client.stream(pb.StreamProcessRequest(message="Hi"), retry_metadata(0, **bad))
        assert await call.read()
        await provider.until_waiting()
        loop.advance(TIMEOUT_S)
        call.cancel()
        assert await provider.until_ended() is End.ABORTED


@pytest.mark.parametrize("count", ["0", "1001", "-1", "once"])
async def test_a_request_without_a_valid_retry_count_is_no_repeat(count: str) -> None:
    provider = ScriptedProvider([asyncio.Event()], HELLO)
    async with serving_held(provider) as (server, loop), wire(server.target) as client:
        first = client.stream(pb.StreamProcessRequest(message="Hi"), retry_metadata(0))
        await provider.until_waiting()
        loop.advance(TIMEOUT_S)
        first.cancel()
        await until_read_by(server.relay, 0)
        assert await events(client.stream(pb.StreamProcessRequest(message="Hi"), retry_metadata(0, retry_count=count)))
        assert [one.end for one in provider.tries] == [End.RUNNING, End.WHOLE]


async def ask(client: RelayClient, delivery: Delivery, count: int) -> str:
    prompt, retry = Prompt(message="Hi"), ClientRetry(DIGEST, count, TIMEOUT_S)
    if delivery is Delivery.WHOLE:
        return (await client.process(prompt, client_retry=retry)).text
    return text([event async for event in client.stream_process(prompt, client_retry=retry)])


@pytest.mark.parametrize("delivery", Delivery)
async def test_a_client_with_retries_and_a_slow_provider_pays_once(delivery: Delivery) -> None:
    gate = asyncio.Event()
    provider = ScriptedProvider([gate, OPENING, Text("late"), ENDING], HELLO)
    async with serving_held(provider) as (server, loop), server.client() as client:
        for count in range(2):
            asking = asyncio.create_task(ask(client, delivery, count))
            await until_read_by(server.relay, 1)
            await provider.until_waiting()
            loop.advance(TIMEOUT_S)
            asking.cancel()
            await until_read_by(server.relay, 0)
        third = asyncio.create_task(ask(client, delivery, 2))
        await until_read_by(server.relay, 1)
        gate.set()
        assert await third == "late"
    assert [one.end for one in provider.tries] == [End.WHOLE]
