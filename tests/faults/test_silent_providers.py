"""A provider that sends nothing: Server B's timeout or the caller's deadline ends the call, whichever comes first."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Mapping

import pytest

from tests.faults.conftest import RecordFault
from tests.standins.exchange import Outcome
from tests.standins.script import Fault, FaultKind, Script
from tests.support.doors import Door, open_door
from tests.support.provider_cases import WORDS
from tests.support.providing import GRPC_AND_HTTP, OVER_STDIO, Injection, Providing, expect, open_providing
from tests.support.refusal import Refusal

pytestmark = pytest.mark.anyio

SILENCE_S = 1.0
"""Far longer than the other limit in each test, so that only that one can end a call, however busy the machine."""
SILENCES = [
    ("hang before the first byte", FaultKind.HANG, 0),
    ("hang after the headers", FaultKind.HANG_HEADERS, 0),
    ("hang during the answer", FaultKind.HANG_DURING, 2),
]
Asking = Coroutine[None, None, dict[str, Refusal | None]]


def hangs(one: Providing, doors: Mapping[str, Door], record_fault: RecordFault, until: str) -> list[Asking]:
    """Scripts a model for each way to hang; returns the calls through every interface for each."""
    asking = []
    for streamed in (True, False):
        for fault, kind, after in SILENCES:
            model = f"{kind.value}-{streamed}"
            one.standin.scripts[model] = Script(words=WORDS, fault=Fault(kind=kind, after=after))
            way = "stream" if streamed else "whole"
            injection = Injection(f"{one.name}: {fault} ({way}), until {until}", record_fault)
            asking.append(injection.seen_by(doors, "".join(WORDS), streamed=streamed, model=model))
    return asking


async def all_disconnected(providing: Mapping[str, Providing]) -> None:
    """Waits until every request that reached a provider was ended by a disconnect of the relay."""
    for one in providing.values():
        outcomes = [await request.ended() for request in one.standin.requests]
        assert set(outcomes) == {Outcome.DISCONNECTED}


@pytest.fixture
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Providing]]:
    """A Server B that waits SILENCE_S for a token, behind callers who would wait long."""
    patience = {"FIRST_TOKEN_SECONDS": str(SILENCE_S), "TOKEN_GAP_SECONDS": str(SILENCE_S)}
    folder = tmp_path_factory.mktemp("hasty")
    async with open_providing(folder, doors=(*GRPC_AND_HTTP, *OVER_STDIO), **patience) as opened:
        yield opened


async def test_server_bs_timeout_ends_a_silent_call(hasty: dict[str, Providing], record_fault: RecordFault) -> None:
    asking = [call for one in hasty.values() for call in hangs(one, one.doors, record_fault, "Server B's patience")]
    for refusals in await asyncio.gather(*asking):
        expect(refusals, "PROVIDER_UNAVAILABLE")
    await all_disconnected(hasty)


@pytest.fixture
async def patient(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Providing]]:
    """A Server B that would wait long."""
    async with open_providing(tmp_path_factory.mktemp("patient"), doors=GRPC_AND_HTTP) as opened:
        yield opened


async def test_a_callers_deadline_ends_a_silent_call(patient: dict[str, Providing], record_fault: RecordFault) -> None:
    asking = []
    async with contextlib.AsyncExitStack() as stack:
        for one in patient.values():
            doors = {
                name: await stack.enter_async_context(open_door(name, one.at, timeout_s=SILENCE_S))
                for name in one.doors
            }
            asking += hangs(one, doors, record_fault, f"the caller's deadline of {SILENCE_S:g} s")
        for refusals in await asyncio.gather(*asking):
            expect(refusals, "DEADLINE_EXCEEDED")
    await all_disconnected(patient)
