"""`python -m server_a check` and `python -m gateway check`: what an operator reads, and the exit code."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llm_relay import VERSION
from llm_relay.check.server_b_findings import server_b_findings
from llm_relay.client.channel import Dial
from llm_relay.tls.authority import Authority
from llm_relay.tls.grpc_server import ServerCertificates
from tests.support.check_command import check, failed
from tests.support.gateways import gateway
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

PROGRAMS = pytest.mark.parametrize("program", ["server_a", "gateway"])
TOKEN = "sk-canary-31415926"


async def failures(dial: Dial) -> list[str]:
    return [finding.text async for finding in server_b_findings(dial) if not finding.ok]


@PROGRAMS
async def test_with_everything_right_every_line_is_ok_and_the_exit_code_0(program: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    pair, client = authority.issue("server"), authority.issue("client")
    certificates = ServerCertificates(pair.cert_file, pair.key_file, authority.ca_file)
    async with serving(certificates=certificates, tokens=f"laptop:{TOKEN}") as server:
        settings = {
            "SERVER_B_TARGET": server.target,
            "SERVER_B_TLS": "true",
            "SERVER_B_CA_FILE": authority.ca_file,
            "SERVER_B_CLIENT_CERT_FILE": client.cert_file,
            "SERVER_B_CLIENT_KEY_FILE": client.key_file,
            "RELAY_TOKEN": TOKEN,
        }
        code, lines = await check(tmp_path, program, settings)
    assert code == 0
    assert all(line.startswith("ok  ") for line in lines)
    told = "\n".join(lines)
    for text in (f"{server.target} answers, over TLS", "RELAY_TOKEN: accepted", f"{VERSION} at both ends", "until 20"):
        assert text in told
    assert TOKEN not in told


@PROGRAMS
async def test_a_target_without_a_listener_is_reported_with_the_fix_and_exit_code_1(
    program: str, tmp_path: Path
) -> None:
    code, lines = await check(tmp_path, program, {"SERVER_B_TARGET": "127.0.0.1:1"})
    assert code == 1
    (line,) = failed(lines)
    assert line.startswith("SERVER_B_TARGET: nothing listens at 127.0.0.1:1: start Server B there")


@PROGRAMS
async def test_every_bad_setting_has_a_line(program: str, tmp_path: Path) -> None:
    code, lines = await check(tmp_path, program, {"SERVER_B_TARGET": "http://b", "TIMEOUT_SECONDS": "long"})
    assert code == 1
    assert sorted(line.split(": ")[0] for line in failed(lines)) == ["SERVER_B_TARGET", "TIMEOUT_SECONDS"]
    assert len(lines) == 2


async def test_an_exposed_gateway_is_told_what_to_set(tmp_path: Path) -> None:
    code, lines = await check(tmp_path, "gateway", {"HTTP_HOST": "0.0.0.0", "SERVER_B_TARGET": "127.0.0.1:1"})
    assert code == 1
    assert [line.split(": ")[0] for line in failed(lines)] == ["HTTP_HOST", "SERVER_B_TARGET"]


async def test_an_exposed_mcp_server_is_told_what_to_set_and_its_certificate_is_checked(tmp_path: Path) -> None:
    pair = Authority(tmp_path, "ca").issue("door")
    settings = {
        "MCP_TRANSPORT": "http",
        "MCP_HOST": "0.0.0.0",
        "HTTP_TLS_CERT_FILE": pair.cert_file,
        "HTTP_TLS_KEY_FILE": pair.key_file,
        "SERVER_B_TARGET": "127.0.0.1:1",
    }
    _, lines = await check(tmp_path, "server_a", settings)
    assert [line.split(": ")[0] for line in failed(lines)] == ["MCP_HOST", "SERVER_B_TARGET"]
    assert any(line.startswith(f"ok      HTTP_TLS_CERT_FILE: {pair.cert_file} for localhost") for line in lines)


async def test_a_certificate_may_be_trusted_by_itself(tmp_path: Path) -> None:
    pair = Authority(tmp_path, "ca").issue("server")
    async with serving(certificates=ServerCertificates(pair.cert_file, pair.key_file)) as server:
        assert not await failures(Dial(target=server.target, tls=True, ca_file=pair.cert_file))


@pytest.mark.parametrize(("token", "told"), [("", "RELAY_TOKEN: is not set"), ("x", "RELAY_TOKEN: is not accepted")])
async def test_a_token_that_server_b_refuses_is_reported(token: str, told: str) -> None:
    async with serving(tokens=f"laptop:{TOKEN}") as server:
        (line,) = await failures(Dial(target=server.target, token=token))
    assert line.startswith(told)


async def test_a_different_version_is_reported() -> None:
    async with serving(version="0.0.9") as server:
        (line,) = await failures(Dial(target=server.target))
    assert line == f"version: Server B has 0.0.9, this end {VERSION}: install the same at both ends"


async def test_another_program_at_the_port_is_reported() -> None:
    async with gateway() as http:
        (line,) = await failures(Dial(target=f"127.0.0.1:{http.base_url.port}"))
    assert "is not a gRPC server" in line


async def test_another_program_at_a_tls_port_is_reported(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    pair = authority.issue("gateway")
    async with gateway(http_tls_cert_file=pair.cert_file, http_tls_key_file=pair.key_file) as http:
        dial = Dial(target=f"127.0.0.1:{http.base_url.port}", tls=True, ca_file=authority.ca_file)
        (line,) = await failures(dial)
    assert "is not a gRPC server" in line


async def test_a_name_that_cannot_be_resolved_is_reported() -> None:
    (line,) = await failures(Dial(target="dns:///nowhere.invalid:50051"))
    assert line.startswith("SERVER_B_TARGET: the name nowhere.invalid cannot be resolved")


@contextlib.asynccontextmanager
async def mute_listener() -> AsyncIterator[int]:
    """A port that accepts connections and sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.slow
async def test_a_stopped_server_is_reported() -> None:
    async with mute_listener() as port, asyncio.timeout(20):
        (line,) = await failures(Dial(target=f"127.0.0.1:{port}"))
    assert f"no answer from 127.0.0.1:{port} in 5 s" in line


async def test_each_address_of_a_target_has_a_line() -> None:
    async with serving() as server:
        dial = Dial(target=f"ipv4:127.0.0.1:1,{server.target}")
        findings = [finding async for finding in server_b_findings(dial)]
    assert "nothing listens at 127.0.0.1:1" in findings[0].text
    assert f"{server.target} answers, in plaintext" in findings[1].text
    assert [finding.ok for finding in findings] == [False, True, True, True, True]


async def test_a_unix_socket_is_probed_too(tmp_path: Path) -> None:
    path = tmp_path / "b.sock"
    (line,) = await failures(Dial(target=f"unix:{path}"))
    assert line.startswith(f"SERVER_B_TARGET: nothing listens at {path}")
    async with await asyncio.start_unix_server(lambda _, writer: writer.close(), path):
        (line,) = await failures(Dial(target=f"unix:{path}"))
    assert "is not a gRPC server" in line
