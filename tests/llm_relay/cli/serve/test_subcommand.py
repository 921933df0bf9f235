"""`relay serve`: Server B, the gateway and Server A as one command."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import httpx2
import pytest

from llm_relay.errors import Unauthenticated
from llm_relay.messages import Prompt
from llm_relay.tls.authority import Authority
from tests.support.ports import free_port
from tests.support.relay_command import relay
from tests.support.relay_serve import FREE_PORTS, LIMIT_S, served

pytestmark = pytest.mark.anyio

CALLERS = r"relay\.calls call .*?caller=(\S+)"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


async def test_all_three_serve_without_settings_and_a_signal_ends_them_with_0(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        async with it.client() as client:
            assert "over gRPC" in (await client.process(Prompt(message="over gRPC"))).text
        assert "over HTTP" in await it.over_http()
        assert "over MCP" in await it.over_mcp()
        assert await it.program.told(CALLERS, 3) == ["anonymous"] * 3
        assert await it.program.stop() == 0
        await it.program.silent.wait()
    assert "Traceback" not in "".join(it.program.lines)


async def test_with_tokens_its_own_programs_have_theirs_and_callers_keep_their_names(tmp_path: Path) -> None:
    async with served(tmp_path, RELAY_TOKENS="ann:anns-secret") as it:
        assert "over HTTP" in await it.over_http("anns-secret")
        assert "over MCP" in await it.over_mcp("anns-secret")
        assert "UNAUTHENTICATED" in await it.over_http()
        async with it.client("anns-secret") as ann, it.client() as nobody:
            await ann.process(Prompt(message="Hi"))
            with pytest.raises(Unauthenticated):
                await nobody.process(Prompt(message="Hi"))
        assert await it.program.told(CALLERS, 3) == ["gateway/ann", "server_a/ann", "ann"]


@LINUX
@pytest.mark.parametrize(("module", "subject"), [("server_b", "Server B"), ("gateway", "The gateway")])
async def test_a_program_that_dies_is_restarted_at_the_same_address(module: str, subject: str, tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        starts = len(await it.program.told(r"(Starting )"))
        os.kill(it.pid_of(module), signal.SIGKILL)
        assert await it.program.told(rf"{subject} ended unexpectedly \((-?\d+)\)") == ["-9"]
        await it.program.told(r"(Starting )", starts + 1)
        assert "over HTTP" in await it.over_http()
        assert await it.program.stop() == 0


@LINUX
async def test_only_server_b_gets_the_variables_that_only_it_needs(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("AWS_ACCESS_KEY_ID=canary\nAWS_SECRET_ACCESS_KEY=canary\n")
    secrets = {"OPENAI_API_KEY": "canary", "LEDGER": f"sqlite:///{tmp_path}/canary.db"}
    async with served(tmp_path, **secrets) as it:
        given = {module: it.environment_of(module) for module in ("server_b", "gateway", "server_a")}
        assert "over HTTP" in await it.over_http()
    assert [given[module].count("canary") for module in given] == [4, 0, 0]
    assert ["RELAY_OWN_TOKENS=" in given[module] for module in given] == [True, False, False]


@LINUX
async def test_its_programs_end_when_it_is_killed(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        it.program.process.kill()
        async with asyncio.timeout(LIMIT_S):
            await it.program.silent.wait()


async def test_workers_serve_too(tmp_path: Path) -> None:
    async with served(tmp_path, WORKERS="2") as it:
        assert len(await it.program.told(r"Worker (\d+) serves", 4)) == 4
        assert "over HTTP" in await it.over_http()
        assert await it.program.stop() == 0
        await it.program.silent.wait()


async def test_a_second_signal_ends_running_calls(tmp_path: Path) -> None:
    async with served(tmp_path, DRAIN_SECONDS="3600", MOCK_FAULTS="true") as it, httpx2.AsyncClient() as http:
        body = {"message": "Hi", "model": "mock-model?fault=hang_during"}
        async with http.stream("POST", f"{it.http_url}/stream", json=body, timeout=LIMIT_S) as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            it.program.process.send_signal(signal.SIGINT)
            await it.program.told("(Stopping the gateway)")
            assert await it.program.stop() == 0
            assert '"reason":"DRAINING"' in "".join([line async for line in lines])


async def test_a_taken_port_ends_all_programs_and_is_reported_with_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = await relay(tmp_path, "serve", **{**FREE_PORTS, "HTTP_PORT": port})
    assert ended.code == 1
    assert f"HTTP_PORT: cannot listen on 127.0.0.1:{port}: the port is in use." in ended.err


async def test_a_bad_setting_of_any_program_is_reported_once(tmp_path: Path) -> None:
    settings = {"TIMEOUT_SECONDS": "soon", "GRPC_PORT": "many", "HTTP_HOST": "http://x", "MCP_TRANSPORT": "pigeon"}
    ended = await relay(tmp_path, "serve", **settings)
    assert ended.code == 2
    names = [line.split(": ")[1] for line in ended.err.splitlines()]
    assert sorted(names) == ["GRPC_PORT", "HTTP_HOST", "MCP_TRANSPORT", "TIMEOUT_SECONDS"]


async def test_a_server_b_over_tls_requires_tls_settings_for_its_own_programs(tmp_path: Path) -> None:
    pair = Authority(tmp_path, "ca").issue("server")
    ended = await relay(tmp_path, "serve", TLS_CERT_FILE=pair.cert_file, TLS_KEY_FILE=pair.key_file)
    assert ended.code == 2
    assert ended.err.startswith("relay: SERVER_B_TLS: ")


async def test_one_port_for_two_programs_is_refused_before_anything_starts(tmp_path: Path) -> None:
    ended = await relay(tmp_path, "serve", **{**FREE_PORTS, "GRPC_PORT": "8999", "HTTP_PORT": "8999"})
    assert ended.code == 2
    assert ended.err == "relay: HTTP_PORT: is 8999, as GRPC_PORT is: set one of them to another port\n"


async def test_a_program_keeps_its_port_if_the_metrics_have_the_same(tmp_path: Path) -> None:
    port = str(free_port())
    async with served(tmp_path, HTTP_PORT=port, METRICS_PORT=port) as it:
        fault = f"METRICS_PORT: is {port}, as HTTP_PORT is: set one of them to another port. Until then no metrics"
        await it.program.told(f"ERROR .*({fault} are served)")
        assert "over HTTP" in await it.over_http()


async def test_the_metrics_of_all_programs_are_served_together_each_with_its_name(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        (url,) = await it.program.told(r"Metrics: (http://\S+)")
        await it.over_http()
        await it.over_mcp()
        async with httpx2.AsyncClient(trust_env=False, timeout=LIMIT_S) as http:
            text = (await http.get(url)).text
    lines = set(text.splitlines())
    call = 'relay_calls_total{caller="anonymous",model="mock-model",program="server_b",protocol="%s",provider="mock",'
    assert {
        call % "http" + 'reason="stop"} 1.0',
        call % "mcp" + 'reason="stop"} 1.0',
        'relay_http_requests_total{method="POST",program="gateway",route="/process",status="200"} 1.0',
        'relay_mcp_tool_calls_total{program="server_a",reason="success",tool="send_message"} 1.0',
    } <= lines


async def test_a_target_that_is_not_its_own_server_b_is_a_warning(tmp_path: Path) -> None:
    async with served(tmp_path, SERVER_B_TARGET="127.0.0.1:1") as it:
        await it.program.told(r"WARNING .*SERVER_B_TARGET: (127\.0\.0\.1:1) is not where the Server B of `relay serve`")
