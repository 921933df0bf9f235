"""`relay check`: all programs, with what they share reported once."""

import asyncio
import socket
from pathlib import Path

import pytest

from llm_relay.tls.authority import Authority
from tests.support.gateways import gateway
from tests.support.ports import free_port
from tests.support.relay_command import relay
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


async def test_before_the_first_start_everything_is_ok(tmp_path: Path) -> None:
    port = str(free_port())
    ended = await relay(tmp_path, "check", GRPC_PORT=port, HTTP_PORT="0", SERVER_B_TARGET=f"localhost:{port}")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert f"ok      GRPC_PORT: 127.0.0.1:{port} is free" in lines
    assert f"ok      SERVER_B_TARGET: no Server B runs at localhost:{port} yet; `relay serve` starts it too" in lines
    assert len(lines) == len(set(lines))
    for setting in ("AI_PROVIDER: mock answers", "HTTP_HOST: 127.0.0.1", "MCP_TRANSPORT: stdio"):
        assert any(line.startswith(f"ok      {setting}") for line in lines)


async def test_a_bad_setting_that_several_programs_read_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GRPC_PROT=1\nTIMEOUT_SECONDS=soon\n")
    ended = await relay(tmp_path, "check")
    assert ended.code == 1
    failed = [line for line in ended.out.splitlines() if line.startswith("FAILED")]
    (line,) = failed
    assert line.startswith("FAILED  TIMEOUT_SECONDS: ")
    assert ended.out.count("GRPC_PROT is not a setting; did you mean GRPC_PORT?") == 1


async def test_an_unknown_program_is_refused_and_the_known_ones_are_listed(tmp_path: Path) -> None:
    ended = await relay(tmp_path, "check", "pigeon")
    assert ended.code == 2
    assert all(name in ended.err for name in ("'pigeon'", "server-b", "gateway", "mcp"))
    assert "[]" not in ended.err


@pytest.mark.parametrize("program", ["gateway", "mcp"])
async def test_a_single_program_can_be_checked(program: str, tmp_path: Path) -> None:
    async with serving() as server:
        ended = await relay(tmp_path, "check", program, HTTP_PORT="0", SERVER_B_TARGET=server.target)
    assert ended.code == 0
    assert f"ok      SERVER_B_TARGET: {server.target} answers, in plaintext" in ended.out
    assert "AI_PROVIDER" not in ended.out


async def test_an_unreachable_remote_server_b_fails(tmp_path: Path) -> None:
    settings = {"GRPC_PORT": str(free_port()), "HTTP_PORT": "0", "SERVER_B_TARGET": "127.0.0.1:1"}
    ended = await relay(tmp_path, "check", **settings)
    assert ended.code == 1
    assert "FAILED  SERVER_B_TARGET: nothing listens at 127.0.0.1:1: start Server B there with `relay server-b`" in (
        ended.out
    )


async def test_a_port_of_another_program_fails(tmp_path: Path) -> None:
    def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as other, serving() as server:
        port = str(other.sockets[0].getsockname()[1])
        ended = await relay(tmp_path, "check", "gateway", HTTP_PORT=port, SERVER_B_TARGET=server.target)
    assert ended.code == 1
    assert (
        f"FAILED  HTTP_PORT: 127.0.0.1:{port} is in use, and no gateway answers there:"
        " stop the program that uses it, or set HTTP_PORT to another port" in ended.out.splitlines()
    )


@pytest.mark.parametrize("tls", [False, True], ids=["plaintext", "TLS"])
async def test_a_port_of_a_running_gateway_is_ok(tls: bool, tmp_path: Path) -> None:
    pair = Authority(tmp_path, "ca").issue("gateway")
    cert_file, key_file = (pair.cert_file, pair.key_file) if tls else ("", "")
    async with (
        serving() as server,
        gateway(
            server.target, relay_tokens="ann:secret", http_tls_cert_file=cert_file, http_tls_key_file=key_file
        ) as http,
    ):
        settings = {"HTTP_PORT": str(http.base_url.port), "SERVER_B_TARGET": server.target}
        settings |= {"HTTP_TLS_CERT_FILE": cert_file, "HTTP_TLS_KEY_FILE": key_file}
        ended = await relay(tmp_path, "check", "gateway", **settings)
    assert ended.code == 0
    assert f"ok      HTTP_PORT: a gateway uses 127.0.0.1:{http.base_url.port}" in ended.out.splitlines()


async def test_a_port_that_server_a_may_have_is_a_warning(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        async with serving() as server:
            settings = {"MCP_TRANSPORT": "http", "MCP_PORT_A": port, "SERVER_B_TARGET": server.target}
            ended = await relay(tmp_path, "check", "mcp", **settings)
    assert ended.code == 0
    assert f"warning MCP_PORT_A: 127.0.0.1:{port} is in use: unless Server A uses it" in ended.out
