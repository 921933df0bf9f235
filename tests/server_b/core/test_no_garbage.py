"""A call that has ended is freed at once, because garbage collection would block every other call."""

import asyncio
import contextlib
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llm_relay.errors import ProviderRateLimited, RelayError
from llm_relay.messages import Prompt
from server_b.core.answer.packing import packed, unpacked
from server_b.core.calls.call import Call
from server_b.providers.base import Text
from tests.support.relayed import FINISHED, a_few_turns, streamed, whole
from tests.support.scripted import ENDING, HELLO, OPENING, ScriptedProvider, Step
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio


def in_memory() -> int:
    return sum(isinstance(one, Call) for one in gc.get_objects())


@pytest.fixture
def calls() -> Iterator[Callable[[], int]]:
    """Counts the calls in memory that were created since the garbage collector was turned off."""
    gc.collect()
    gc.disable()
    before = in_memory()
    yield lambda: in_memory() - before
    gc.enable()


@pytest.mark.parametrize("way", [whole, streamed])
@pytest.mark.parametrize(
    "script", [HELLO, [OPENING, *[Text("token ")] * 600, ENDING], [ProviderRateLimited(retry_after_s=600)]]
)
async def test_a_call_is_freed_when_it_has_ended(calls: Callable[[], int], script: list[Step], way: Any) -> None:
    relay = create_relay(ScriptedProvider(script))
    for number in range(3):
        with contextlib.suppress(RelayError):
            await way(relay, Prompt(message="Hi", request_id=f"id-{number}"))
    await a_few_turns()
    assert calls() == 0


async def test_a_call_that_was_joined_and_repeated_is_freed(calls: Callable[[], int]) -> None:
    gate = asyncio.Event()
    relay = create_relay(provider := ScriptedProvider([gate, *HELLO]))
    asking = [asyncio.create_task(whole(relay)) for _ in range(3)]
    await provider.until_waiting()
    assert calls() == 1
    gate.set()
    await asyncio.gather(*asking)
    await whole(relay)
    asking.clear()
    await a_few_turns()
    assert calls() == 0


async def test_a_caller_who_leaves_leaves_nothing(calls: Callable[[], int]) -> None:
    relay = create_relay(provider := ScriptedProvider([OPENING, Text("Hel"), asyncio.Event()]))
    asking = asyncio.create_task(whole(relay))
    await provider.until_waiting()
    assert calls() == 1
    asking.cancel()
    await asyncio.wait([asking])
    del asking
    await a_few_turns()
    assert calls() == 0


async def test_the_garbage_collector_does_not_scan_a_kept_answer() -> None:
    atoms = packed((FINISHED,))
    assert unpacked(atoms) == (FINISHED,)
    gc.collect()
    assert not gc.is_tracked(atoms)
