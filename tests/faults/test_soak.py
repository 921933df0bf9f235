"""The short form of `python -m scripts.soak`: calls, half of them abandoned, leave nothing behind."""

import pytest

from scripts.soak.callers import ANSWERED, CALLERS_A_DOOR, DOORS, LEFT
from scripts.soak.soaking import soak_briefly

pytestmark = pytest.mark.anyio

CALLS = 100


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the MCP SDK's client leaves streams open when it is cancelled
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_answered_and_abandoned_calls_leave_nothing_behind() -> None:
    soaked = await soak_briefly(calls=CALLS)
    assert soaked.ends.keys() == {ANSWERED, LEFT}, soaked.ends
    assert soaked.pipelined
    assert all(one.stopped for one in soaked.watched)
    # Only idle connections to the provider may remain.
    assert soaked.provider_connections <= len(DOORS) * CALLERS_A_DOOR
    left = {one.name: one.files_left for one in soaked.watched}
    assert left == {"server_a": 0, "gateway": 0, "server_b": left["server_b"]}
    assert left["server_b"] <= soaked.provider_connections
