"""`relay health`, which the health checks of containers run."""

from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.relay_command import relay
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


async def test_a_server_that_accepts_calls_is_serving_and_no_token_is_needed(tmp_path: Path) -> None:
    async with serving(tokens="ann:secret") as server:
        ended = await relay(tmp_path, "health", SERVER_B_TARGET=server.target)
    assert (ended.code, ended.out, ended.err) == (0, "serving\n", "")


async def test_a_stopping_server_is_not_serving(tmp_path: Path) -> None:
    async with serving() as server:
        target = server.target
    ended = await relay(tmp_path, "health", SERVER_B_TARGET=target)
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith(f"relay: SERVER_B_UNAVAILABLE: Server B at {target} does not accept calls: ")


async def test_an_unreachable_server_is_reported(tmp_path: Path) -> None:
    ended = await relay(tmp_path, "health", SERVER_B_TARGET=f"127.0.0.1:{free_port()}")
    assert ended.code == 3
