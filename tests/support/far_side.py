"""A provider, a Server B to inject faults into, and every door in front of it, each with running calls."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.conftest import FULL, RecordFault
from tests.standins.exchange import Received
from tests.standins.openai import OpenAIStandIn
from tests.standins.script import Fault, FaultKind, Script
from tests.support.doors import DOORS, OPENAI_DOORS, Addresses, Door, open_door
from tests.support.programs import Program, running
from tests.support.refusal import Refusal
from tests.support.serving import late_events

HANGS, HANGS_DURING = "hangs", "hangs-during"
"""Models: one that sends nothing, one that sends two tokens and then nothing."""
NOTICED_S = 5.0
"""How soon a vanished side must be noticed. Only scripts/faults measures it."""
LIMIT_S = 60.0
"""How long a test waits for that, so that it passes on a busy machine."""


def create_provider() -> OpenAIStandIn:
    """Makes a provider that knows the models above, and answers all others."""
    provider = OpenAIStandIn()
    provider.scripts[HANGS] = Script(fault=Fault(kind=FaultKind.HANG))
    provider.scripts[HANGS_DURING] = Script(fault=Fault(kind=FaultKind.HANG_DURING, after=2))
    return provider


def server_b(folder: Path, provider: OpenAIStandIn, port: int, **settings: str) -> AbstractAsyncContextManager[Program]:
    """Runs a Server B that calls `provider`, on this port (0: any)."""
    asks = {"AI_PROVIDER": "openai", "OPENAI_API_KEY": "sk-none", "OPENAI_BASE_URL": f"{provider.url}/v1"}
    return running(folder, "server_b", GRPC_PORT=str(port), RETRY_ATTEMPTS="1", **{**asks, **settings})


@dataclass(frozen=True)
class NearSide:
    """The doors, each with the program behind it, all in front of the same target."""

    doors: dict[str, Door]
    programs: tuple[Program, ...]


@contextlib.asynccontextmanager
async def open_near_side(
    folder: Path, target: str, names: tuple[str, ...] = (*DOORS, *OPENAI_DOORS)
) -> AsyncIterator[NearSide]:
    """Starts the gateway and Server A in front of `target`, and opens the doors of these names."""
    async with contextlib.AsyncExitStack() as stack:
        dial = {"SERVER_B_TARGET": target}
        gateway, mcp_http, mcp_sse = [
            await stack.enter_async_context(started)
            for started in (
                running(folder, "gateway", HTTP_PORT="0", **dial),
                running(folder, "server_a", "http", MCP_PORT_A="0", **dial),
                running(folder, "server_a", "sse", MCP_PORT_A="0", **dial),
            )
        ]
        at = Addresses(target, gateway.address, mcp_http.address, mcp_sse.address, folder)
        doors = {name: await stack.enter_async_context(open_door(name, at)) for name in names}
        yield NearSide(doors, (gateway, mcp_http, mcp_sse))
    await late_events()


@dataclass(frozen=True)
class UnderWay:
    """A call that a fault strikes."""

    door: str
    moment: str
    """When the fault strikes, for the table."""
    task: asyncio.Task[object]
    message: str = ""
    """The call's message, which no other call has."""

    async def end(self, fault: str, struck_at: float, record_fault: RecordFault) -> str:
        """Waits for the call's end after a fault at `struck_at`, records it, and returns its reason."""
        with pytest.raises(Refusal) as refusal:
            async with asyncio.timeout(LIMIT_S):
                await self.task
        reason, seconds = refusal.value.reason, time.monotonic() - struck_at
        record_fault(fault=f"{fault} {self.moment}", door=self.door, outcome=reason, seconds=seconds)
        assert not FULL or seconds < NOTICED_S
        return reason


@contextlib.asynccontextmanager
async def calling_everywhere(near: NearSide, provider: OpenAIStandIn) -> AsyncIterator[dict[str, UnderWay]]:
    """Calls through every door: whole, streamed but silent, and a stream that stops.

    Yields the calls by their messages once the provider hangs in all of them. None ends before the block.
    """
    calls = {call.message: call for name, door in near.doors.items() for call in _calls(name, door)}
    try:
        await _until_asked(provider, set(calls))
        yield calls
    finally:
        for call in calls.values():
            call.task.cancel()
        await asyncio.gather(*(call.task for call in calls.values()), return_exceptions=True)


def _calls(name: str, door: Door) -> Iterator[UnderWay]:
    for kind, model, moment in (
        ("whole", HANGS, "before the first token"),
        ("stream", HANGS, "before the first token"),
        ("stream", HANGS_DURING, "during a stream"),
    ):
        fields = {"message": str(uuid.uuid4()), "model": model}
        call = door.whole(**fields) if kind == "whole" else door.stream(lambda _: None, **fields)
        yield UnderWay(f"{name} {kind}", moment, asyncio.create_task(call), fields["message"])


async def _until_asked(provider: OpenAIStandIn, messages: set[str]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while messages:
            messages.discard(message_of(await provider.next_request(LIMIT_S)))


def message_of(request: Received) -> str:
    """Returns the message of a provider's request."""
    message: str = request.body["messages"][-1]["content"]
    return message


async def until_answered(near: NearSide) -> None:
    """Waits until every door answers again, each separately."""

    async def answered(door: Door) -> None:
        while True:
            with contextlib.suppress(Refusal):
                await door.whole(message="Hi")
                return

    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(*map(answered, near.doors.values()))
