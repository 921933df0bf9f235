"""Envoy and nginx with the configurations of deploy/proxies, in front of the real programs.

Tokens are passed on as they arrive, a caller that leaves stops the provider, and deadlines hold.
"""

import asyncio
import contextlib
import re
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.standins.exchange import Outcome
from tests.standins.openai import OpenAIStandIn
from tests.support.doors import Addresses, Door, open_door, texts, until_first_text
from tests.support.far_side import HANGS, HANGS_DURING, create_provider, server_b
from tests.support.ports import free_port, until_listening
from tests.support.programs import PROJECT, running
from tests.support.refusal import Refusal

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

PROXIES = PROJECT / "deploy" / "proxies"
ENVOY = Path(sys.executable).parent / "envoy"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
DOORS = ("grpc", "http", "mcp-http-modern")


@dataclass(frozen=True)
class Proxied:
    """A provider and the doors in front of it, each behind the proxy."""

    provider: OpenAIStandIn
    at: Addresses


@pytest.fixture(
    params=[
        "envoy",
        pytest.param("nginx", marks=pytest.mark.skipif(not Path(NGINX).exists(), reason="needs nginx")),
    ]
)
async def proxied(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Proxied]:
    async with contextlib.AsyncExitStack() as stack:
        provider = await stack.enter_async_context(create_provider())
        behind = await stack.enter_async_context(server_b(tmp_path, provider, 0))
        dial = {"SERVER_B_TARGET": behind.address}
        gateway = await stack.enter_async_context(running(tmp_path, "gateway", HTTP_PORT="0", **dial))
        server_a = await stack.enter_async_context(running(tmp_path, "server_a", "http", MCP_PORT_A="0", **dial))
        grpc, http, mcp = free_port(), free_port(), free_port()
        ports = {50051: behind.port, 8000: gateway.port, 8001: server_a.port, 50050: grpc, 8080: http, 8081: mcp}
        await stack.enter_async_context(proxy(request.param, tmp_path, ports))
        at = Addresses(f"127.0.0.1:{grpc}", f"127.0.0.1:{http}", f"127.0.0.1:{mcp}", "", tmp_path)
        yield Proxied(provider, at)


@contextlib.asynccontextmanager
async def proxy(name: str, folder: Path, ports: dict[int, int]) -> AsyncIterator[None]:
    """Runs a proxy with its configuration on free ports; yields once it listens on all of them."""
    source = PROXIES / {"envoy": "envoy.yaml", "nginx": "nginx.conf"}[name]
    config = folder / source.name
    config.write_text(re.sub(r"\b\d{4,5}\b", lambda port: str(ports.get(int(port[0]), port[0])), source.read_text()))
    command = {
        "envoy": [str(ENVOY), "--config-path", str(config), "--use-dynamic-base-id", "--concurrency", "1"],
        "nginx": [NGINX, "-c", str(config), "-p", str(folder), "-g", "daemon off;"],
    }[name]
    with (folder / "proxy.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
    try:
        for port in (ports[50050], ports[8080], ports[8081]):
            await until_listening(port, process)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@contextlib.asynccontextmanager
async def door_of(proxied: Proxied, name: str, timeout_s: float = 60.0) -> AsyncIterator[Door]:
    async with open_door(name, proxied.at, timeout_s=timeout_s) as door:
        yield door


@pytest.mark.parametrize("name", DOORS)
async def test_whole_and_streamed_answers_arrive_complete(proxied: Proxied, name: str) -> None:
    async with door_of(proxied, name) as door:
        assert (await door.whole(message="Hi"))["finishReason"] == "stop"
        seen, finish = await texts(door, message="Hi")
        assert seen
        assert finish["finishReason"] == "stop"


@pytest.mark.parametrize("name", DOORS)
async def test_a_token_is_passed_on_when_it_arrives_and_leaving_stops_the_provider(proxied: Proxied, name: str) -> None:
    async with door_of(proxied, name) as door:
        # The provider sends two tokens and then nothing: those that arrived were not held back.
        call = await until_first_text(door, message="Hi", model=HANGS_DURING)
        assert not call.done()
        asked = await proxied.provider.next_request()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert await asked.ended() == Outcome.DISCONNECTED


@pytest.mark.parametrize("name", ["grpc", "http"])
async def test_the_callers_deadline_ends_the_providers_call(proxied: Proxied, name: str) -> None:
    async with door_of(proxied, name, timeout_s=1.0) as door:
        with pytest.raises(Refusal) as refusal:
            await door.whole(message="Hi", model=HANGS)
        assert refusal.value.reason == "DEADLINE_EXCEEDED"
        asked = await proxied.provider.next_request()
        assert await asked.ended() == Outcome.DISCONNECTED


async def test_the_page_works_behind_the_proxy_and_admins_need_a_token_there(proxied: Proxied) -> None:
    url = f"http://{proxied.at.gateway}"
    async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
        me = (await http.get("/ui/api/me")).json()
        assert (me["has_ledger"], me["is_admin"]) == (True, False)
        answer = await http.post("/process", json={"message": "Hi"}, headers={"Origin": url})
        assert answer.status_code == 200
