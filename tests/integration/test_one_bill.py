"""A repeated request is not paid for twice: two clients at once, and a provider that counts its requests."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from llm_relay.client.relay_client import RelayClient
from tests.standins.exchange import Outcome, Received
from tests.standins.openai import OpenAIStandIn
from tests.standins.script import Fault, FaultKind, Script
from tests.support.doors import Door, GrpcDoor, HttpDoor, texts, until_first_text
from tests.support.gateways import gateway
from tests.support.openai_provider import create_provider
from tests.support.refusal import Document, OnText, Refusal
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

TOKENS = "gateway:its-token,alice:alices-token,bob:bobs-token"
WORDS = tuple(f"word{number} " for number in range(20))
TEXT = "".join(WORDS)
MANY = 20

Ask = Callable[..., Any]


class Keyed:
    """A door through which every call is the same, under the same key."""

    def __init__(self, door: Door, key: str) -> None:
        self._door = door
        self._asked = {"message": "Hi", "request_id": key}

    async def whole(self, **fields: Any) -> Document:
        return await self._door.whole(**(self._asked | fields))

    async def stream(self, on_text: OnText, **fields: Any) -> Document:
        return await self._door.stream(on_text, **(self._asked | fields))


@dataclass(frozen=True)
class Clients:
    """Two clients of one caller over different interfaces, a client of another caller, and their provider."""

    provider: OpenAIStandIn
    first: Door
    second: Door
    other_caller: Door
    cancel: Callable[[str], Awaitable[bool]]
    """Stops a call of the first caller softly."""
    key: str = ""
    asked_before: int = 0

    def keyed(self, key: str) -> "Clients":
        """Returns the same clients, all calling under this key."""
        first, second, other = (Keyed(door, key) for door in (self.first, self.second, self.other_caller))
        return Clients(self.provider, first, second, other, self.cancel, key, len(self.provider.requests))

    @property
    def requests(self) -> list[Received]:
        """The requests that the provider received."""
        return self.provider.requests[self.asked_before :]

    @property
    def asked(self) -> int:
        """How many requests the provider received."""
        return len(self.requests)

    def plays(self, **script: Any) -> None:
        self.provider.script = Script(**{"words": WORDS, **script})

    def fails_once(self, kind: FaultKind, **fault: Any) -> None:
        self.plays(fault=Fault(kind=kind, times=1, **fault))

    async def request(self) -> Received:
        """Waits for the provider's first request."""
        while not self.requests:
            await self.provider.next_request()
        return self.requests[0]


@pytest.fixture(scope="module", params=["grpc", "http"])
async def opened(request: pytest.FixtureRequest) -> AsyncIterator[Clients]:
    async with contextlib.AsyncExitStack() as stack:
        standin = await stack.enter_async_context(OpenAIStandIn(Script(words=WORDS)))
        server = await stack.enter_async_context(
            serving(create_provider(standin.base_url), tokens=TOKENS, delegates=("gateway",))
        )

        async def client(name: str) -> RelayClient:
            return await stack.enter_async_context(server.client(token=f"{name}s-token"))

        async def http(name: str) -> httpx2.AsyncClient:
            made = gateway(server.target, relay_token="its-token", relay_tokens=TOKENS)
            client = await stack.enter_async_context(made)
            client.headers["authorization"] = f"Bearer {name}s-token"
            return client

        async def cancel(request_id: str) -> bool:
            return bool((await alice_http.post(f"/cancel/{request_id}")).json()["found"])

        if request.param == "grpc":
            alice, again, bob = await client("alice"), await client("alice"), await client("bob")
            yield Clients(standin, GrpcDoor(alice), GrpcDoor(again), GrpcDoor(bob), alice.cancel)
        else:
            alice_http, again_http, bob_http = await http("alice"), await http("alice"), await http("bob")
            yield Clients(standin, HttpDoor(alice_http), HttpDoor(again_http), HttpDoor(bob_http), cancel)


@pytest.fixture
def clients(opened: Clients) -> Clients:
    opened.plays()
    return opened.keyed(f"key-{uuid.uuid4()}")


async def _whole(door: Door, **fields: Any) -> tuple[str, Document]:
    answer = await door.whole(**fields)
    return answer["aiResponse"], answer


async def _streamed(door: Door, **fields: Any) -> tuple[str, Document]:
    seen, finish = await texts(door, **fields)
    return "".join(seen), finish


whole_and_streamed = pytest.mark.parametrize("ask", [_whole, _streamed])


async def test_a_second_client_joins_the_running_call_from_its_beginning(clients: Clients) -> None:
    clients.plays(gap_s=0.05)
    first = await until_first_text(clients.first)
    second = await until_first_text(clients.second)
    assert not (await clients.request()).closed.is_set(), "the call had ended before it could be joined"
    third = await _streamed(clients.second)
    assert third == (TEXT, await first)
    assert await second == await first
    assert clients.asked == 1


@whole_and_streamed
async def test_many_clients_at_once_are_one_call_to_the_provider(clients: Clients, ask: Ask) -> None:
    clients.plays(first_delay_s=0.2)
    doors = [clients.first, clients.second] * (MANY // 2)
    answers = await asyncio.gather(*(ask(door) for door in doors))
    assert [text for text, _ in answers] == [TEXT] * MANY
    assert all(end == answers[0][1] for _, end in answers), "the answers or their costs differ"
    assert clients.asked == 1


async def test_the_provider_call_ends_when_its_last_reader_leaves_and_not_before(clients: Clients) -> None:
    clients.plays(fault=Fault(kind=FaultKind.HANG_DURING, after=3))
    first = await until_first_text(clients.first)
    second = await until_first_text(clients.second)
    await _leave(first)
    third = await until_first_text(clients.first)
    assert clients.asked == 1
    assert not clients.requests[0].closed.is_set()
    await _leave(second)
    await _leave(third)
    assert await clients.requests[0].ended() is Outcome.DISCONNECTED


async def _leave(task: asyncio.Task[Document]) -> None:
    task.cancel()
    await asyncio.wait([task])


@whole_and_streamed
async def test_an_answer_that_ended_well_is_given_again(clients: Clients, ask: Ask) -> None:
    answered = await ask(clients.first)
    assert await ask(clients.second) == answered
    assert answered[0] == TEXT
    assert clients.asked == 1


async def test_whole_and_streamed_are_two_calls(clients: Clients) -> None:
    await _whole(clients.first)
    await _streamed(clients.first)
    assert clients.asked == 2


@whole_and_streamed
async def test_a_call_that_failed_runs_again(clients: Clients, ask: Ask) -> None:
    clients.fails_once(FaultKind.STATUS, status=401)
    with pytest.raises(Refusal, match="PROVIDER_AUTH"):
        await ask(clients.first)
    assert (await ask(clients.second))[0] == TEXT
    assert clients.asked == 2


@whole_and_streamed
async def test_a_call_that_was_abandoned_runs_again(clients: Clients, ask: Ask) -> None:
    clients.fails_once(FaultKind.HANG)
    leaving = asyncio.create_task(ask(clients.first))
    request = await clients.request()
    await _leave(leaving)
    assert await request.ended() is Outcome.DISCONNECTED
    assert (await ask(clients.second))[0] == TEXT
    assert clients.asked == 2


async def test_a_call_that_was_cancelled_runs_again(clients: Clients) -> None:
    clients.fails_once(FaultKind.HANG_DURING, after=3)
    stopped = await until_first_text(clients.first)
    assert await clients.cancel(clients.key)
    assert (await stopped)["finishReason"] == "cancelled"
    text, finish = await _streamed(clients.second)
    assert (text, finish["finishReason"]) == (TEXT, "stop")
    assert clients.asked == 2


@whole_and_streamed
@pytest.mark.parametrize("still_runs", [True, False])
async def test_other_parameters_under_the_same_key_are_refused(clients: Clients, ask: Ask, still_runs: bool) -> None:
    if still_runs:
        clients.plays(fault=Fault(kind=FaultKind.HANG))
    running = asyncio.create_task(ask(clients.first))
    await clients.request()
    if not still_runs:
        await running
    for other in ({"message": "Ho"}, {"model": "gpt-4o"}, {"temperature": 0.5}, {"max_tokens": 7}, {"context": "Be."}):
        with pytest.raises(Refusal, match="INVALID_REQUEST: request_id: ") as refused:
            await ask(clients.second, **other)
        assert refused.value.request_id == clients.key
    assert clients.asked == 1
    await _leave(running)


@whole_and_streamed
async def test_the_same_key_of_another_caller_is_another_call(clients: Clients, ask: Ask) -> None:
    await ask(clients.first)
    await ask(clients.other_caller)
    assert clients.asked == 2
