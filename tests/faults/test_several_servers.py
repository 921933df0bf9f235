"""Several Server Bs behind one target: calls move to those that run, and no admitted call is ever sent twice."""

import asyncio
import contextlib
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.conftest import RecordFault
from tests.standins.openai import OpenAIStandIn
from tests.support.doors import Addresses, Door, open_door, texts
from tests.support.far_side import (
    LIMIT_S,
    NearSide,
    UnderWay,
    calling_everywhere,
    create_provider,
    message_of,
    server_b,
)
from tests.support.ports import free_port
from tests.support.programs import Program, running
from tests.support.refusal import Refusal
from tests.support.serving import late_events

pytestmark = pytest.mark.anyio

DOORS = ("grpc", "http")
MOCK = {"MOCK_DELAY_SECONDS": "0.05", "MOCK_WORD_DELAY_SECONDS": "0.02"}
LARGE = "x" * 300_000
"""More than gRPC's channel buffers for a retry by default."""
ENOUGH = 30
"""How many calls of each kind, through each door, must end well before the next step."""


@dataclass
class Load:
    """Calls that are made one after another, without a pause."""

    call: Callable[[], Awaitable[object]]
    ended: int = 0
    failed: list[str] = field(default_factory=list)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        while True:
            try:
                await self.call()
                self.ended += 1
            except (Refusal, AssertionError) as error:
                self.failed.append(str(error))
            self.more.set()

    async def until_more(self, count: int) -> None:
        """Waits until `count` more calls have ended."""
        goal = self.ended + len(self.failed) + count
        while self.ended + len(self.failed) < goal:
            self.more.clear()
            await self.more.wait()


def loads(door: Door) -> list[Load]:
    """Returns the load for one door: whole answers and streams, four at a time of each, and a large prompt."""

    async def whole() -> None:
        assert (await door.whole(message="Hi"))["status"] == "success"

    async def large() -> None:
        assert LARGE in (await door.whole(message=LARGE))["aiResponse"]

    async def stream() -> None:
        seen, finish = await texts(door, message="Hi")
        assert finish["finishReason"] == "stop"
        assert "".join(seen).endswith("streaming test response.")

    return [Load(call) for call in (whole, stream) * 4] + [Load(large)]


@contextlib.asynccontextmanager
async def open_doors(folder: Path, target: str) -> AsyncIterator[dict[str, Door]]:
    """Opens the gateway and a RelayClient in front of `target`."""
    async with contextlib.AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(running(folder, "gateway", HTTP_PORT="0", SERVER_B_TARGET=target))
        at = Addresses(target, gateway.address, "", "", folder)
        yield {name: await stack.enter_async_context(open_door(name, at)) for name in DOORS}
    await late_events()


async def test_a_graceful_restart_of_each_in_turn_fails_no_call(
    tmp_path: Path, record_fault: RecordFault, rounds: Callable[[int], int]
) -> None:
    ports = free_port(), free_port()

    def started(port: int) -> AbstractAsyncContextManager[Program]:
        return running(tmp_path, "server_b", GRPC_PORT=str(port), **MOCK)

    async with contextlib.AsyncExitStack() as stack:
        serving = {port: await stack.enter_async_context(started(port)) for port in ports}
        target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
        doors = await stack.enter_async_context(open_doors(tmp_path, target))
        under_load = {name: loads(door) for name, door in doors.items()}
        every = [load for of_door in under_load.values() for load in of_door]
        tasks = [asyncio.create_task(load.run()) for load in every]
        began = time.monotonic()
        for port in ports * (rounds(6) - 1):
            await asyncio.gather(*(load.until_more(ENOUGH // 10) for load in every))
            assert await serving[port].stop() == 0
            serving[port] = await stack.enter_async_context(started(port))
        await asyncio.gather(*(load.until_more(ENOUGH // 10) for load in every))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for name, of_door in under_load.items():
            failed = [text for load in of_door for text in load.failed]
            ended = sum(load.ended for load in of_door)
            record_fault(
                fault="each of two Server Bs is restarted in turn, under load",
                door=name,
                outcome=f"{len(failed)} of {ended} calls failed",
                seconds=time.monotonic() - began,
            )
            assert not failed


KEYS = "sk-one", "sk-other"
"""The API keys of the two servers, by which the provider knows which of them is calling."""


@dataclass(frozen=True)
class Pair:
    """Two Server Bs with one provider, and doors that know both."""

    provider: OpenAIStandIn
    servers: tuple[Program, ...]
    near: NearSide

    @contextlib.asynccontextmanager
    async def calling(self) -> AsyncIterator[dict[str, UnderWay]]:
        """Calls through every door until each server has some calls; yields the calls by their messages."""
        calls: dict[str, UnderWay] = {}
        async with contextlib.AsyncExitStack() as stack:
            while not (self.asked_by(0) and self.asked_by(1)):
                calls |= await stack.enter_async_context(calling_everywhere(self.near, self.provider))
            yield calls

    def asked_by(self, server: int) -> Counter[str]:
        """Counts the provider's requests from that server, by message."""
        own = f"Bearer {KEYS[server]}"
        return Counter(
            message_of(request) for request in self.provider.requests if request.headers["authorization"] == own
        )


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with contextlib.AsyncExitStack() as stack:
        provider = await stack.enter_async_context(create_provider())
        servers = [await stack.enter_async_context(server_b(tmp_path, provider, 0, OPENAI_API_KEY=key)) for key in KEYS]
        target = "ipv4:" + ",".join(server.address for server in servers)
        doors = await stack.enter_async_context(open_doors(tmp_path, target))
        yield Pair(provider, tuple(servers), NearSide(doors, ()))


async def test_calls_of_a_killed_server_fail_and_are_not_sent_again_and_all_others_go_on(
    pair: Pair, record_fault: RecordFault
) -> None:
    async with pair.calling() as calls:
        lost = pair.asked_by(0)
        pair.servers[0].process.kill()
        struck_at = time.monotonic()
        for message in lost:
            assert (
                await calls[message].end("one of two Server Bs is killed", struck_at, record_fault)
                == "SERVER_B_UNAVAILABLE"
            )
        for door in pair.near.doors.values():
            for _ in range(10):
                assert (await door.whole(message="Hi"))["status"] == "success"
        asked = pair.asked_by(0) + pair.asked_by(1)
        assert {asked[message] for message in calls} == {1}
        assert {message for message, call in calls.items() if call.task.done()} == set(lost)


async def test_large_prompts_move_away_from_a_draining_server(pair: Pair, record_fault: RecordFault) -> None:
    async with pair.calling() as calls:
        held = pair.asked_by(0)
        pair.servers[0].process.terminate()
        for name, door in pair.near.doors.items():
            struck_at = time.monotonic()
            for _ in range(10):
                assert (await door.whole(message=LARGE))["status"] == "success"
            seconds = time.monotonic() - struck_at
            record_fault(
                fault="one of two Server Bs drains: large prompts", door=name, outcome="10 of 10", seconds=seconds
            )
        assert not any(calls[message].task.done() for message in held)
        assert pair.asked_by(1)[LARGE] == 10 * len(pair.near.doors)


async def test_calls_move_away_from_a_frozen_server(pair: Pair, record_fault: RecordFault) -> None:
    for door in pair.near.doors.values():
        await asyncio.gather(*(door.whole(message="Hi") for _ in range(10)))
    pair.servers[0].process.send_signal(signal.SIGSTOP)

    async def answers(name: str, door: Door) -> None:
        struck_at = time.monotonic()
        await asyncio.gather(*(door.whole(message="Hi") for _ in range(10)))
        seconds = time.monotonic() - struck_at
        record_fault(
            fault="one of two Server Bs freezes: calls that come later", door=name, outcome="answers", seconds=seconds
        )

    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(*(answers(name, door) for name, door in pair.near.doors.items()))
