"""What a repeat reveals about a client that does not announce its timeout."""

import pytest

from gateway.requests.learned_timeouts import KEPT_S, MOST_KEPT, LearnedTimeouts
from llm_relay.announced_retry import ClientRetry
from tests.support.held_time import HELD_TIME, held_loop

pytestmark = pytest.mark.anyio

FIRST = ClientRetry("a" * 64)
REPEAT = ClientRetry("a" * 64, 1)


async def test_a_repeat_has_the_timeout_of_the_request_that_was_left() -> None:
    timeouts = LearnedTimeouts()
    assert timeouts.known("ann", REPEAT) is REPEAT
    timeouts.note("ann", FIRST, waited_s=1.5)
    assert timeouts.known("ann", REPEAT) == ClientRetry("a" * 64, 1, 1.5)


@pytest.mark.parametrize("anyio_backend", [HELD_TIME], ids=["held time"])
async def test_every_further_repeat_has_the_timeout_too() -> None:
    timeouts = LearnedTimeouts()
    with held_loop().held():
        timeouts.note("ann", FIRST, waited_s=KEPT_S)
        for number in (1, 2, 3):
            repeat = timeouts.known("ann", ClientRetry("a" * 64, number))
            assert repeat == ClientRetry("a" * 64, number, KEPT_S)
            held_loop().advance(KEPT_S)
            timeouts.note("ann", repeat, waited_s=KEPT_S + 0.1)
        held_loop().advance(KEPT_S)
        assert timeouts.known("ann", REPEAT) is REPEAT


async def test_nothing_is_learned_from_other_callers_bodies_and_first_requests() -> None:
    timeouts = LearnedTimeouts()
    timeouts.note("ann", FIRST, waited_s=1.5)
    assert timeouts.known("bob", REPEAT) is REPEAT
    assert timeouts.known("ann", FIRST) is FIRST
    assert timeouts.known("ann", None) is None
    other = ClientRetry("b" * 64, 1)
    assert timeouts.known("ann", other) is other


async def test_an_announced_timeout_is_believed() -> None:
    timeouts = LearnedTimeouts()
    timeouts.note("ann", ClientRetry("a" * 64, 0, 9.0), waited_s=1.5)
    assert timeouts.known("ann", REPEAT) is REPEAT
    timeouts.note("ann", FIRST, waited_s=1.5)
    announced = ClientRetry("a" * 64, 1, 9.0)
    assert timeouts.known("ann", announced) is announced


async def test_the_number_of_remembered_timeouts_is_limited() -> None:
    timeouts = LearnedTimeouts()
    timeouts.note("ann", FIRST, waited_s=1.5)
    for number in range(MOST_KEPT):
        timeouts.note("ann", ClientRetry(f"{number:064x}"), waited_s=1.0)
    assert timeouts.known("ann", REPEAT) is REPEAT
    assert timeouts.known("ann", ClientRetry(f"{1:064x}", 1)) == ClientRetry(f"{1:064x}", 1, 1.0)
