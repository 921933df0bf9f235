"""Requests with more text or more headers than the limits: refused with the name of the limit, and survived."""

import contextlib
from pathlib import Path

import grpc
import httpx2
import pytest

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import TooLarge
from llm_relay.messages import Prompt
from tests.support.programs import running
from tests.support.wire import refusal, wire

pytestmark = pytest.mark.anyio

MOST_BYTES = 100_000
TOO_MUCH = "x" * (2 * MOST_BYTES)
LIMITED = {"MAX_MESSAGE_BYTES": str(MOST_BYTES)}
NOBODY = "127.0.0.1:1"


async def test_server_b_refuses_large_messages_and_large_metadata(tmp_path: Path) -> None:
    async with running(tmp_path, "server_b", GRPC_PORT="0", **LIMITED) as server_b:
        async with RelayClient(Dial(target=server_b.address)) as client:
            with pytest.raises(TooLarge):
                await client.process(Prompt(message=TOO_MUCH))
            assert (await client.process(Prompt(message="Hi"))).text
        async with wire(server_b.address) as stranger:
            request = pb.ProcessRequest(message="Hi")
            code, *_ = await refusal(stranger.whole("Process", request, (("x-large", TOO_MUCH),)))
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert await stranger.whole("Process", request)


@pytest.mark.parametrize(
    ("program", "path"),
    [(("gateway",), "/process"), (("server_a", "http"), "/mcp"), (("server_a", "sse"), "/messages/")],
)
async def test_the_http_doors_refuse_large_heads_and_go_on(tmp_path: Path, program: tuple[str, ...], path: str) -> None:
    ports = {"HTTP_PORT": "0", "MCP_PORT_A": "0", "SERVER_B_TARGET": NOBODY}
    async with (
        running(tmp_path, program[0], *program[1:], **ports, **LIMITED) as door,
        httpx2.AsyncClient(base_url=f"http://{door.address}", timeout=20, trust_env=False) as http,
    ):
        with contextlib.suppress(httpx2.NetworkError):  # closed before all of it was sent: a refusal too
            refused = await http.post(path, json={}, headers={"X-Large": TOO_MUCH})
            assert refused.status_code == 431
        assert (await http.get("/nowhere")).status_code == 404
