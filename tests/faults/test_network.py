"""The network between the doors and Server B drops: each side notices within seconds, and both recover."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from tests.faults.conftest import FULL, RecordFault
from tests.standins.exchange import Outcome, Received
from tests.standins.openai import OpenAIStandIn
from tests.support import cuttable_network
from tests.support.cuttable_network import FAR_HOST, Network
from tests.support.far_side import (
    LIMIT_S,
    NOTICED_S,
    NearSide,
    calling_everywhere,
    create_provider,
    message_of,
    open_near_side,
    server_b,
    until_answered,
)

pytestmark = pytest.mark.anyio

FAULT = "the network drops"


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    if not FULL:
        pytest.skip("changes this machine's network for a while: only scripts/faults runs it")
    if lacking := cuttable_network.missing():
        pytest.skip(lacking)
    with cuttable_network.open_network() as opened:
        yield opened


@dataclass(frozen=True)
class Apart:
    """The doors on this host; Server B and its provider on the far host."""

    near: NearSide
    provider: OpenAIStandIn


@pytest.fixture(scope="module")
async def apart(network: Network, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Apart]:
    folder = tmp_path_factory.mktemp("network")
    async with contextlib.AsyncExitStack() as stack:
        with network.far():
            provider = await stack.enter_async_context(create_provider())
            beyond_loopback = {"GRPC_HOST": FAR_HOST, "RELAY_INSECURE": "true"}
            program = await stack.enter_async_context(server_b(folder, provider, 0, **beyond_loopback))
        near = await stack.enter_async_context(open_near_side(folder, f"{FAR_HOST}:{program.port}"))
        yield Apart(near, provider)


async def test_both_sides_of_a_dropped_network_abort_the_calls_and_recover(
    apart: Apart, network: Network, record_fault: RecordFault
) -> None:
    before = len(apart.provider.requests)
    async with calling_everywhere(apart.near, apart.provider) as calls:
        network.cut()
        struck_at = time.monotonic()

        async def aborted(request: Received) -> None:
            assert await request.ended(LIMIT_S) is Outcome.DISCONNECTED
            story, seconds = f"{FAULT} {calls[message_of(request)].moment}", time.monotonic() - struck_at
            record_fault(fault=story, door="Server B", outcome="provider call aborted", seconds=seconds)
            assert not FULL or seconds < NOTICED_S

        reasons, _ = await asyncio.gather(
            asyncio.gather(*(call.end(FAULT, struck_at, record_fault) for call in calls.values())),
            asyncio.gather(*map(aborted, apart.provider.requests[before:])),
        )
    assert set(reasons) == {"SERVER_B_UNAVAILABLE"}
    network.repair()
    await until_answered(apart.near)
