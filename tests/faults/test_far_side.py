"""Server B is killed or frozen: every door reports it within seconds, sends nothing again, and recovers by itself."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.conftest import RecordFault
from tests.standins.openai import OpenAIStandIn
from tests.support.far_side import (
    NearSide,
    UnderWay,
    calling_everywhere,
    create_provider,
    message_of,
    open_near_side,
    server_b,
    until_answered,
)
from tests.support.ports import free_port

pytestmark = pytest.mark.anyio

Rounds = Callable[[int], int]
LOST = "Is anybody there?"
"""The message for a frozen Server B. It must not reach the provider after Server B resumes either."""
FAULTS = {"Server B is killed": signal.SIGKILL, "Server B freezes": signal.SIGSTOP}


@dataclass(frozen=True)
class Stack:
    """The doors, and what is needed to start Server B behind them."""

    near: NearSide
    provider: OpenAIStandIn
    folder: Path
    port: int


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder, port = tmp_path_factory.mktemp("far_side"), free_port()
    async with create_provider() as provider, open_near_side(folder, f"127.0.0.1:{port}") as near:
        yield Stack(near, provider, folder, port)


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_call_under_way_ends_and_is_sent_once(
    stack: Stack, record_fault: RecordFault, rounds: Rounds, fault: str
) -> None:
    for _ in range(rounds(5) - 1):
        async with server_b(stack.folder, stack.provider, stack.port) as program:
            await until_answered(stack.near)
            async with calling_everywhere(stack.near, stack.provider) as calls:
                program.process.send_signal(FAULTS[fault])
                struck_at = time.monotonic()
                reasons = await asyncio.gather(*(call.end(fault, struck_at, record_fault) for call in calls.values()))
            assert set(reasons) == {"SERVER_B_UNAVAILABLE"}
            asked = Counter(map(message_of, stack.provider.requests))
            assert {asked[message] for message in calls} == {1}


async def test_later_calls_notice_a_frozen_server_b_and_use_it_again_once_it_resumes(
    stack: Stack, record_fault: RecordFault
) -> None:
    async with server_b(stack.folder, stack.provider, stack.port) as program:
        await until_answered(stack.near)
        program.process.send_signal(signal.SIGSTOP)
        for moment in ("while idle: the first call", "while idle: a later call"):
            struck_at = time.monotonic()
            calls = [
                UnderWay(f"{name} {kind}", moment, asyncio.create_task(call))
                for name, door in stack.near.doors.items()
                for kind, call in (
                    ("whole", door.whole(message=LOST)),
                    ("stream", door.stream(lambda _: None, message=LOST)),
                )
            ]
            reasons = await asyncio.gather(*(call.end("Server B freezes", struck_at, record_fault) for call in calls))
            assert set(reasons) == {"SERVER_B_UNAVAILABLE"}
        program.process.send_signal(signal.SIGCONT)
        await until_answered(stack.near)
        assert LOST not in map(message_of, stack.provider.requests)
