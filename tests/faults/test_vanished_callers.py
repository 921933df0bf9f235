"""A caller is killed or frozen: Server B notices within seconds, and the provider's call ends with it."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.conftest import FULL, RecordFault
from tests.standins.exchange import Outcome, Received
from tests.standins.openai import OpenAIStandIn
from tests.support.doors import OPENAI_DOORS
from tests.support.far_side import (
    LIMIT_S,
    NOTICED_S,
    calling_everywhere,
    create_provider,
    message_of,
    open_near_side,
    server_b,
)

pytestmark = pytest.mark.anyio

FAULTS = {
    "is killed": (signal.SIGKILL, ("http", *OPENAI_DOORS)),
    "freezes": (signal.SIGSTOP, ("http", "mcp-http-modern", *OPENAI_DOORS)),
}
"""The signal, and the doors whose program gets it. The MCP SDK's client does not survive the end of its server."""


@dataclass(frozen=True)
class Served:
    """A Server B and its provider."""

    provider: OpenAIStandIn
    target: str
    folder: Path


@pytest.fixture(scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder = tmp_path_factory.mktemp("vanished_callers")
    async with create_provider() as provider, server_b(folder, provider, 0) as program:
        yield Served(provider, program.address, folder)


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_provider_calls_of_a_vanished_caller_are_aborted(
    served: Served, record_fault: RecordFault, fault: str
) -> None:
    number, doors = FAULTS[fault]
    before = len(served.provider.requests)
    async with (
        open_near_side(served.folder, served.target, doors) as near,
        calling_everywhere(near, served.provider) as calls,
    ):
        for program in near.programs:
            program.process.send_signal(number)
        struck_at = time.monotonic()

        async def aborted(request: Received) -> None:
            assert await request.ended(LIMIT_S) is Outcome.DISCONNECTED
            call, seconds = calls[message_of(request)], time.monotonic() - struck_at
            story = f"the caller of Server B {fault} {call.moment}"
            record_fault(fault=story, door=call.door, outcome="provider call aborted", seconds=seconds)
            assert not FULL or seconds < NOTICED_S

        await asyncio.gather(*map(aborted, served.provider.requests[before:]))
        if number is signal.SIGSTOP:
            for program in near.programs:
                program.process.send_signal(signal.SIGCONT)
