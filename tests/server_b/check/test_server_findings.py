"""`python -m server_b check`: what an operator reads, and the exit code."""

import socket
from datetime import timedelta
from pathlib import Path

import pytest

from llm_relay.tls.authority import Authority
from tests.standins.bedrock import WRONG_KEY_ID, BedrockStandIn
from tests.standins.openai import OpenAIStandIn
from tests.standins.openai_errors import WRONG_KEY
from tests.support.check_command import check, failed
from tests.support.programs import running

pytestmark = pytest.mark.anyio

KEY = "sk-canary-27182818"


async def test_with_everything_right_every_line_is_ok_and_the_exit_code_0(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    pair = authority.issue("server", hosts=["b.example.com"])
    settings = {
        "GRPC_PORT": "0",
        "TLS_CERT_FILE": pair.cert_file,
        "TLS_KEY_FILE": pair.key_file,
        "TLS_CLIENT_CA_FILE": authority.ca_file,
        "RELAY_TOKENS": f"laptop:{KEY}",
    }
    code, lines = await check(tmp_path, "server_b", settings)
    assert code == 0
    assert all(line.startswith("ok  ") for line in lines)
    told = "\n".join(lines)
    for text in ("over TLS; laptop may call", "for b.example.com, until 20", "AI_PROVIDER: mock answers"):
        assert text in told
    assert KEY not in told


@pytest.mark.parametrize("tls", ["plaintext", "TLS", "mutual TLS"])
async def test_a_port_that_a_healthy_server_b_has_is_ok(tmp_path: Path, tls: str) -> None:
    authority = Authority(tmp_path, "ca")
    pair = authority.issue("server", hosts=["b.example.com"])
    settings = {} if tls == "plaintext" else {"TLS_CERT_FILE": pair.cert_file, "TLS_KEY_FILE": pair.key_file}
    if tls == "mutual TLS":
        settings["TLS_CLIENT_CA_FILE"] = authority.ca_file
    async with running(tmp_path, "server_b", GRPC_PORT="0", **settings) as program:
        code, lines = await check(tmp_path, "server_b", {"GRPC_PORT": str(program.port), **settings})
    assert code == 0
    assert f"ok      GRPC_PORT: a healthy Server B uses 127.0.0.1:{program.port}" in lines


async def test_a_port_of_another_program_is_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        code, lines = await check(tmp_path, "server_b", {"GRPC_PORT": str(other.getsockname()[1])})
    assert code == 1
    (line,) = failed(lines)
    assert "is in use, and no healthy Server B answers there" in line


async def test_an_expired_certificate_and_an_exposed_host_are_reported(tmp_path: Path) -> None:
    pair = Authority(tmp_path, "ca").issue("server", life=timedelta(minutes=-1))
    settings = {"GRPC_HOST": "0.0.0.0", "TLS_CERT_FILE": pair.cert_file, "TLS_KEY_FILE": pair.key_file}
    code, lines = await check(tmp_path, "server_b", settings)
    assert code == 1
    exposed, expired = failed(lines)
    assert exposed.startswith(
        "GRPC_HOST: 0.0.0.0 is not a loopback address, so this server needs tokens (RELAY_TOKENS)"
    )
    assert expired.startswith(f"TLS_CERT_FILE: {pair.cert_file} expired on ")


async def test_mismatched_files_are_reported(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    cert_file, key_file = authority.issue("one").cert_file, authority.issue("two").key_file
    code, lines = await check(
        tmp_path, "server_b", {"GRPC_PORT": "0", "TLS_CERT_FILE": cert_file, "TLS_KEY_FILE": key_file}
    )
    assert code == 1
    (line,) = failed(lines)
    files = f"{cert_file} and {key_file}"
    assert line == f"TLS_CERT_FILE and TLS_KEY_FILE: {files} are not a certificate and its own key"


async def test_a_relative_path_is_reported_with_its_folder(tmp_path: Path) -> None:
    code, lines = await check(tmp_path, "server_b", {"TLS_CERT_FILE": "server.pem", "TLS_KEY_FILE": "server.key"})
    assert code == 1
    (line,) = failed(lines)
    where = f"{tmp_path}/server.pem (relative to the working folder)"
    assert line == f"TLS_CERT_FILE: cannot read {where}: no such file or directory"


@pytest.mark.parametrize(("key", "told"), [(KEY, ""), (WRONG_KEY, "AI_PROVIDER: openai refuses the key")])
async def test_openai_is_asked_whether_it_accepts_the_key(tmp_path: Path, key: str, told: str) -> None:
    async with OpenAIStandIn() as openai:
        settings = {"AI_PROVIDER": "openai", "OPENAI_API_KEY": key, "OPENAI_BASE_URL": openai.base_url}
        code, lines = await check(tmp_path, "server_b", {"GRPC_PORT": "0", **settings})
    assert (code, len(failed(lines))) == ((1, 1) if told else (0, 0))
    assert told in "".join(failed(lines))
    assert key not in "\n".join(lines)


@pytest.mark.parametrize(("key_id", "told"), [("AKIDEXAMPLE", ""), (WRONG_KEY_ID, "(PROVIDER_AUTH)")])
async def test_bedrock_is_asked_whether_it_accepts_the_credentials(tmp_path: Path, key_id: str, told: str) -> None:
    async with BedrockStandIn() as bedrock:
        settings = {
            "AI_PROVIDER": "bedrock",
            "AWS_ACCESS_KEY_ID": key_id,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": bedrock.url,
        }
        code, lines = await check(tmp_path, "server_b", {"GRPC_PORT": "0", **settings})
    assert (code, len(failed(lines))) == ((1, 1) if told else (0, 0))
    assert told in "".join(failed(lines))
    assert KEY not in "\n".join(lines)


async def test_each_of_several_providers_has_a_line(tmp_path: Path) -> None:
    code, lines = await check(tmp_path, "server_b", {"GRPC_PORT": "0", "AI_PROVIDER": "openai,mock"})
    assert code == 1
    (line,) = failed(lines)
    assert line.startswith("OPENAI_API_KEY")
    assert any(line.startswith("ok      AI_PROVIDER: mock answers") for line in lines)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"AI_PROVIDER": "openai"}, "OPENAI_API_KEY"),
        ({"AI_PROVIDER": "openai", "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, "AI_PROVIDER"),
        ({"AI_PROVIDER": "carrier pigeon", "GRPC_PORT": "many"}, "AI_PROVIDER"),
    ],
    ids=["no key", "nobody there", "no such provider"],
)
async def test_a_provider_that_cannot_be_called_is_reported(
    tmp_path: Path, settings: dict[str, str], told: str
) -> None:
    code, lines = await check(tmp_path, "server_b", {"GRPC_PORT": "0", **settings})
    assert code == 1
    assert failed(lines)[0].startswith(told)
    assert KEY not in "\n".join(lines)
