"""Connections of clients and load balancers that are idle for a minute."""

import pytest

from tests.support.gateways import gateway, get, socket_to
from tests.support.held_time import HELD_TIME, HeldLoop, held_loop
from tests.support.relayed import a_few_turns

pytestmark = pytest.mark.anyio

BALANCERS_S = 65
"""How long load balancers keep an idle connection, with a margin; 60 s is usual."""
MUCH_LONGER_S = 600


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, type[HeldLoop]]]:
    return HELD_TIME


async def test_an_idle_connection_is_kept_longer_than_load_balancers_keep_theirs() -> None:
    async with gateway() as http, socket_to(http) as socket:
        await socket.send(get("/openapi.json"))
        assert (await socket.reply()).status == 200
        with held_loop().held():
            held_loop().advance(BALANCERS_S)
            await a_few_turns()
            await socket.send(get("/openapi.json"))
            assert (await socket.reply()).status == 200
            held_loop().advance(MUCH_LONGER_S)
            assert await socket.closed() == b""
