"""In any order of joins, cancels, departures and failures, each call ends once and nothing is left running."""

import asyncio
import random

import pytest

from llm_relay.errors import InvalidRequest, ProviderProtocol, RelayError
from llm_relay.messages import Delta, Finished, Prompt, Started
from server_b.core.limits import Limits, Patience
from server_b.core.relay import Relay
from server_b.providers.base import Text
from tests.support.observed import Observed
from tests.support.scripted import ENDING, OPENING, PATIENCE_S, End, ScriptedProvider, Step, away
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio

CALLERS = 30
IDS = ("id-1", "id-2", "id-3", "")


class Pause(asyncio.Event):
    """A pause that lasts some turns of the event loop."""

    def __init__(self, turns: int) -> None:
        super().__init__()
        self._turns = turns

    async def wait(self) -> bool:  # type: ignore[override]
        for _ in range(self._turns):
            await asyncio.sleep(0)
        return True


def script(chance: random.Random) -> list[Step]:
    """Generates the course of one attempt."""
    error: Step = chance.choice([ProviderProtocol(), away(retry_after_s=0), ValueError("odd")])
    pieces: list[Step] = [OPENING, *(Text(f"{number} ") for number in range(chance.randrange(5))), ENDING]
    if chance.random() < 0.3:
        pieces.insert(chance.randrange(len(pieces)), error)
    if chance.random() < 0.2:
        pieces.insert(chance.randrange(len(pieces)), asyncio.Event())
    for _ in range(chance.randrange(4)):
        pieces.insert(chance.randrange(len(pieces)), Pause(chance.randrange(5)))
    return pieces


async def follow(relay: Relay, prompt: Prompt, timeout_s: float) -> None:
    """Reads a stream and checks its order."""
    kinds, numbers = [], [0]
    async for event in relay.stream_process(prompt, caller="alice", timeout_s=timeout_s):
        kinds.append(type(event))
        assert event.sequence > numbers[-1]
        numbers.append(event.sequence)
        await asyncio.sleep(0)
    assert kinds[0] is Started
    assert kinds[-1] is Finished
    assert set(kinds[1:-1]) <= {Delta}
    assert numbers[-1] == numbers[-2] + 1


async def visit(relay: Relay, seed: int) -> None:
    """A caller who calls, cancels or leaves at random."""
    chance = random.Random(seed)
    prompt = Prompt(message="Hi", request_id=chance.choice(IDS))
    await Pause(chance.randrange(30)).wait()
    timeout_s = chance.choice([0.02, PATIENCE_S])
    asking: asyncio.Task[object] = asyncio.create_task(
        follow(relay, prompt, timeout_s)
        if chance.random() < 0.6
        else relay.process(prompt, caller="alice", timeout_s=timeout_s)
    )
    await Pause(chance.randrange(20)).wait()
    fate = chance.choice(["leaves", "cancels", "stays", "stays"])
    if fate == "leaves":
        asking.cancel()
    elif fate == "cancels":
        relay.cancel(prompt.request_id, caller="alice")
    asyncio.get_running_loop().call_later(0.1, asking.cancel)
    await asyncio.wait([asking])
    if not asking.cancelled():
        error = asking.exception()
        assert error is None or isinstance(error, RelayError), repr(error)
        assert not isinstance(error, InvalidRequest)


@pytest.mark.parametrize("seed", range(20))
async def test_nothing_is_left_whatever_the_order(seed: int) -> None:
    chance = random.Random(seed)
    provider = ScriptedProvider(*(script(chance) for _ in range(3 * CALLERS)))
    limits = Limits(patience=Patience(first_token_s=0.05, token_gap_s=0.05))
    observed = Observed()
    relay = create_relay(provider, limits=limits, observers=[observed])
    await asyncio.gather(*(visit(relay, chance.getrandbits(32)) for _ in range(CALLERS)))
    assert await relay.wait_idle(PATIENCE_S)
    assert provider.running == 0
    assert End.RUNNING not in {one.end for one in provider.tries}
    assert len(observed.calls) + len(observed.shared) <= CALLERS
    assert 0 < len(observed.calls) == relay.status().calls_processed
    assert sum(len(record.attempts) for record in observed.calls) == len(provider.tries)
    assert all(attempt.ended_at is not None for record in observed.calls for attempt in record.attempts)
