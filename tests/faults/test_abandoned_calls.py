"""Callers who give up: a client that abandons thousands of calls uses no more memory than before."""

import asyncio
import gc
import itertools
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.messages import Prompt
from tests.support.programs import running
from tests.support.resources import memory_kib

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

AT_ONCE = 50
WARM_UP, COUNTED = 1_000, 4_000

BATCHES = 4
MOMENTS = pytest.mark.parametrize(
    ("first_s", "last_s", "most_bytes"),
    [
        # An abandoned call leaves 16,000 bytes behind if grpc.aio is told to cancel it, and 200 at best.
        pytest.param(0, 0.005, 500, id="before it is admitted"),
        # 990 bytes for a whole answer, 360 for a stream, and almost none at best; 200 if a busy machine has not
        # admitted the call by then.
        pytest.param(0.02, 0.04, 300, id="while it runs"),
    ],
)


async def whole(client: RelayClient) -> None:
    await client.process(Prompt(message="Hi", model="mock-model?fault=hang"))


async def streamed(client: RelayClient) -> None:
    async for _ in client.stream_process(Prompt(message="Hi", model="mock-model?fault=hang_during&word_delay=0")):
        pass


async def abandoned(
    client: RelayClient, ask: Callable[[RelayClient], Awaitable[None]], count: int, first_s: float, last_s: float
) -> int:
    """Abandons `count` calls, each between `first_s` and `last_s` after its start; returns the memory then, in KiB."""

    async def give_up(number: int) -> None:
        for turn in range(count // AT_ONCE):
            share = (number + turn) % AT_ONCE / AT_ONCE
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ask(client), first_s + share * (last_s - first_s))

    await asyncio.gather(*map(give_up, range(AT_ONCE)))
    gc.collect()
    return memory_kib(os.getpid())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("ask", [whole, streamed])
@MOMENTS
async def test_a_client_that_abandons_thousands_of_calls_does_not_grow(
    ask: Callable[[RelayClient], Awaitable[None]], first_s: float, last_s: float, most_bytes: int, tmp_path: Path
) -> None:
    async with (
        running(tmp_path, "server_b", GRPC_PORT="0", MOCK_FAULTS="true", MOCK_DELAY_SECONDS="0") as server_b,
        RelayClient(Dial(target=server_b.address)) as client,
    ):
        levels = [await abandoned(client, ask, WARM_UP, first_s, last_s)]
        levels += [await abandoned(client, ask, COUNTED // BATCHES, first_s, last_s) for _ in range(BATCHES)]
    # A leak grows in every batch; the allocator takes memory only now and then.
    least = min(after - before for before, after in itertools.pairwise(levels))
    assert least * 1024 / (COUNTED // BATCHES) <= most_bytes
