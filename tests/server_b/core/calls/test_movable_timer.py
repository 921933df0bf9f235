"""A timer that is moved ends at the last time that was set, and not before."""

import asyncio

import pytest

from server_b.core.calls.movable_timer import MovableTimer
from tests.support.scripted import PATIENCE_S

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Runs on both event loops, because their timers have different resolutions."""
    return "asyncio", {"use_uvloop": request.param}


class Watched:
    """A timer, and when it ended."""

    def __init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        self.began_at = self._now()
        self.passed_at: list[float] = []
        self._passed = asyncio.Event()
        self.limit = MovableTimer(self._note)

    def _note(self) -> None:
        self.passed_at.append(self._now())
        self._passed.set()

    def move(self, *moves: float) -> None:
        for seconds in moves:
            self.limit.move(self.began_at + seconds)

    async def passed_after(self) -> float:
        async with asyncio.timeout(PATIENCE_S):
            await self._passed.wait()
        return self.passed_at[0] - self.began_at


async def a_later_limit() -> None:
    """Waits until a timer ends that is set now, for later than those of the tests."""
    later = Watched()
    later.move(0.03)
    await later.passed_after()


@pytest.mark.parametrize("moves", [(0.05,), (0.01, 0.05), (0.03, 0.01, 0.05), (3600, 0.05), (float("inf"), 0.05)])
async def test_it_passes_at_the_last_time_it_was_moved_to(moves: tuple[float, ...]) -> None:
    watched = Watched()
    watched.move(*moves)
    assert round(await watched.passed_after(), 6) >= 0.05  # the clock counts in binary fractions


async def test_it_passes_once_and_can_be_set_again() -> None:
    watched = Watched()
    watched.move(0.01)
    await watched.passed_after()
    await a_later_limit()
    assert len(watched.passed_at) == 1
    watched.limit.move(asyncio.get_running_loop().time())
    await a_later_limit()
    assert len(watched.passed_at) == 2


@pytest.mark.parametrize("how", ["stopped", "for ever"])
async def test_a_removed_limit_does_not_pass(how: str) -> None:
    watched = Watched()
    watched.move(0.01)
    if how == "stopped":
        watched.limit.stop()
    else:
        watched.move(float("inf"))
    await a_later_limit()
    assert watched.passed_at == []
