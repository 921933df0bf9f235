"""The soak of `scripts/soak.py` in short: calls at every door, a third of them given up, and nothing left."""

import pytest

from scripts.soak import DOORS, WORKERS_A_DOOR, soak

pytestmark = pytest.mark.anyio

SOAK_S = 5.0
REST_S = 3.0


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the MCP SDK's client leaves streams open when it is cancelled
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_nothing_is_left_of_calls_that_were_answered_or_given_up() -> None:
    soaked = await soak(SOAK_S, quiet_within_s=REST_S)
    assert soaked.ends.keys() == {"answered", "given up"}, soaked.ends
    assert all(one.stopped for one in soaked.watched)
    # Idle connections to the provider outlive so short a rest: they are all that may be left.
    assert soaked.provider_connections <= len(DOORS) * WORKERS_A_DOOR
    left = {one.name: one.files_left for one in soaked.watched}
    assert left == {"server_a": 0, "gateway": 0, "server_b": left["server_b"]}
    assert left["server_b"] <= soaked.provider_connections
