"""What is closed unless a setting opens it: addresses beyond loopback, foreign Hosts and Origins, CORS."""

import asyncio
import contextlib
import sys
from pathlib import Path

import httpx2
import pytest

from llm_relay.tls.authority import Authority
from server_b.ledger.open_ledger import open_ledger
from tests.support.programs import environment, running
from tests.support.relay_serve import FREE_PORTS

pytestmark = pytest.mark.anyio

LIMIT_S = 30.0


def case_id(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)


LISTENERS = pytest.mark.parametrize(
    ("program", "host_name"),
    [
        (("server_b",), "GRPC_HOST"),
        (("server_b", "sse"), "MCP_HOST"),
        (("server_a", "http"), "MCP_HOST"),
        (("gateway",), "HTTP_HOST"),
    ],
    ids=case_id,
)
MCP_DOORS = pytest.mark.parametrize(
    ("program", "port"),
    [(("server_a", "http"), "MCP_PORT_A"), (("server_a", "sse"), "MCP_PORT_A"), (("server_b", "http"), "MCP_PORT_B")],
    ids=case_id,
)

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


async def refusal(folder: Path, program: tuple[str, ...], settings: dict[str, str]) -> tuple[int | None, str]:
    """Starts a program, which must fail; returns the exit code and what it wrote."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", *program),
        cwd=folder,
        env=environment(settings),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            _, told = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return process.returncode, told.decode()


@LISTENERS
async def test_beyond_loopback_a_start_without_tokens_or_without_tls_is_refused(
    program: tuple[str, ...], host_name: str, tmp_path: Path
) -> None:
    pair = Authority(tmp_path, "ca").issue("server")
    prefix = "" if host_name == "GRPC_HOST" else "HTTP_"
    tls = {f"{prefix}TLS_CERT_FILE": pair.cert_file, f"{prefix}TLS_KEY_FILE": pair.key_file}
    tokens = {"RELAY_TOKENS": "ann:a-token"}
    for given, missing in (({}, "tokens (RELAY_TOKENS) and TLS"), (tokens, "TLS"), (tls, "tokens (RELAY_TOKENS)")):
        code, told = await refusal(tmp_path, program, {host_name: "0.0.0.0", **given})
        assert told.startswith(
            f"{program[0]}: {host_name}: 0.0.0.0 is not a loopback address, so this server needs {missing};"
        )
        assert "RELAY_INSECURE=true" in told
        assert (code, len(told.splitlines())) == (2, 1)


async def test_beyond_loopback_a_valid_token_of_the_ledger_counts_like_relay_tokens(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/relay.db"
    ledger = await open_ledger(url, folder=tmp_path)
    await ledger.create_token("root", label="", expires_at=None, by="test")
    await ledger.aclose(grace_s=1)
    pair = Authority(tmp_path, "ca").issue("server")
    grpc_tls = {"TLS_CERT_FILE": pair.cert_file, "TLS_KEY_FILE": pair.key_file}
    http_tls = {f"HTTP_{name}": value for name, value in grpc_tls.items()}
    async with running(tmp_path, "server_b", GRPC_HOST="0.0.0.0", GRPC_PORT="0", LEDGER=url, **grpc_tls):
        pass
    async with running(tmp_path, "server_b", GRPC_PORT="0", LEDGER=url) as server_b:
        front = {"SERVER_B_TARGET": server_b.address, **http_tls}
        async with (
            running(tmp_path, "gateway", HTTP_HOST="0.0.0.0", HTTP_PORT="0", **front) as gateway,
            running(tmp_path, "server_a", "http", MCP_HOST="0.0.0.0", MCP_PORT_A="0", **front),
            httpx2.AsyncClient(timeout=LIMIT_S, trust_env=False, verify=False) as http,
        ):
            assert (await http.get(f"https://127.0.0.1:{gateway.port}/models")).status_code == 401


@pytest.mark.parametrize(
    ("program", "host_name"), [(("gateway",), "HTTP_HOST"), (("server_a", "http"), "MCP_HOST")], ids=["gateway", "mcp"]
)
async def test_beyond_loopback_the_token_of_a_program_does_not_count_for_its_callers(
    program: tuple[str, ...], host_name: str, tmp_path: Path
) -> None:
    pair = Authority(tmp_path, "ca").issue("server")
    tls = {"HTTP_TLS_CERT_FILE": pair.cert_file, "HTTP_TLS_KEY_FILE": pair.key_file}
    async with running(tmp_path, "server_b", GRPC_PORT="0", RELAY_TOKENS="front:a-token") as server_b:
        front = {"SERVER_B_TARGET": server_b.address, "RELAY_TOKEN": "a-token", host_name: "0.0.0.0", **tls}
        code, told = await refusal(tmp_path, program, front)
    assert code == 2
    assert "so this server needs tokens (RELAY_TOKENS);" in told


@pytest.mark.parametrize("front_token", ["of RELAY_TOKENS", "of the ledger"])
async def test_beyond_loopback_a_program_with_a_token_serves_callers_of_the_ledger_and_nobody_else(
    front_token: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/relay.db"
    ledger = await open_ledger(url, folder=tmp_path)
    alice, front = [
        (await ledger.create_token(name, label="", expires_at=None, by="test")).secret for name in ("alice", "front")
    ]
    await ledger.aclose(grace_s=1)
    pair = Authority(tmp_path, "ca").issue("server")
    tls = {"HTTP_TLS_CERT_FILE": pair.cert_file, "HTTP_TLS_KEY_FILE": pair.key_file}
    is_ledger_token = front_token == "of the ledger"
    token, tokens = (front, {}) if is_ledger_token else ("a-token", {"RELAY_TOKENS": "front:a-token,boss:b-token"})
    async with running(tmp_path, "server_b", GRPC_PORT="0", LEDGER=url, **tokens) as server_b:
        settings = {"SERVER_B_TARGET": server_b.address, "RELAY_TOKEN": token, **tls}
        hosts = {"HTTP_HOST": "0.0.0.0", "HTTP_PORT": "0", "MCP_HOST": "0.0.0.0", "MCP_PORT_A": "0"}
        for program in ("gateway", "server_a"):
            transport = {"MCP_TRANSPORT": "http"} if program == "server_a" else {}
            code, _ = await refusal(tmp_path, (program, "check"), {**settings, **hosts, **transport})
            assert (program, code) == (program, 0)
        async with (
            running(tmp_path, "gateway", **settings, **hosts) as gateway,
            running(tmp_path, "server_a", "http", **settings, **hosts) as server_a,
            httpx2.AsyncClient(timeout=LIMIT_S, trust_env=False, verify=False) as http,
        ):
            for address, path, body in (
                (gateway.address, "process", {"message": "hello"}),
                (server_a.address, "mcp", INITIALIZE),
            ):
                for headers, status in (({}, 401), ({"Authorization": f"Bearer {alice}"}, 200)):
                    accept = {"Accept": "application/json, text/event-stream", **headers}
                    answer = await http.post(f"https://{address}/{path}", json=body, headers=accept)
                    assert (path, answer.status_code) == (path, status)


@MCP_DOORS
async def test_mcps_doors_check_host_and_origin_on_every_address_and_have_no_cors(
    program: tuple[str, ...], port: str, tmp_path: Path
) -> None:
    async with (
        running(tmp_path, *program, MCP_HOST="127.0.0.2", **{port: "0"}) as door,
        httpx2.AsyncClient(base_url=f"http://127.0.0.2:{door.port}", timeout=LIMIT_S, trust_env=False) as http,
    ):
        for headers, status in (
            ({"Host": "localhost"}, 404),
            ({"Host": "evil.example"}, 421),
            ({"Host": f"127.0.0.2:{door.port}"}, 421),
            ({"Host": "localhost", "Origin": "https://evil.example"}, 403),
            ({"Host": "localhost", "Origin": "http://localhost:3000"}, 404),
        ):
            answer = await http.get("/nowhere", headers=headers)
            assert (headers, answer.status_code) == (headers, status)
            assert not cors_headers(answer)
        asked = {"Host": "localhost", "Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
        assert not cors_headers(await http.options("/mcp", headers=asked))


@pytest.mark.parametrize(
    ("program", "port"),
    [
        (("server_b",), "GRPC_PORT"),
        (("gateway",), "HTTP_PORT"),
        (("server_a", "http"), "MCP_PORT_A"),
        (("llm_relay.cli", "serve"), "GRPC_PORT"),
    ],
    ids=case_id,
)
async def test_a_prometheus_in_a_container_reads_the_metrics_if_its_name_of_this_machine_is_allowed(
    program: tuple[str, ...], port: str, tmp_path: Path
) -> None:
    settings = {**FREE_PORTS, port: "0", "METRICS_ALLOWED_HOSTS": "host.docker.internal"}
    async with (
        running(tmp_path, *program, **settings) as started,
        httpx2.AsyncClient(timeout=LIMIT_S, trust_env=False) as http,
    ):
        (url,) = await started.told(r"Metrics: (http://127\.0\.0\.1:\d+/metrics)")
        for host, status in (("host.docker.internal:9464", 200), ("localhost", 200), ("evil.example", 403)):
            answer = await http.get(url, headers={"Host": host})
            assert (host, answer.status_code) == (host, status)


async def test_the_gateway_has_no_cors_unless_it_is_set(tmp_path: Path) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    async with (
        running(tmp_path, "gateway", HTTP_PORT="0") as plain,
        running(tmp_path, "gateway", HTTP_PORT="0", CORS_ORIGINS="https://app.example") as opened,
        httpx2.AsyncClient(timeout=LIMIT_S, trust_env=False) as http,
    ):
        assert not cors_headers(await http.options(f"http://{plain.address}/process", headers=asked))
        assert cors_headers(await http.options(f"http://{opened.address}/process", headers=asked))


def cors_headers(answer: httpx2.Response) -> list[str]:
    return [name for name in answer.headers if name.startswith("access-control")]
