"""`python -m server_b`, as its users run it."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import Draining, Unauthenticated
from llm_relay.messages import Delta, Finished, Prompt
from llm_relay.tls.authority import Authority
from tests.support.programs import Program, environment, running
from tests.support.serving import late_events

pytestmark = pytest.mark.anyio

HANG = Prompt(message="Hi", model="mock-model?fault=hang_during")
SLOW = Prompt(message="Hi", model="mock-model?word_delay=0.02")
SECRET = "sk-live-0123456789"
LIMIT_S = 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose empty .env prevents any other from being read."""
    (tmp_path / ".env").touch()
    return tmp_path


@contextlib.asynccontextmanager
async def client_of(program: Program, **dial: Any) -> AsyncIterator[RelayClient]:
    async with RelayClient(Dial(target=program.address, **dial), timeout_s=LIMIT_S) as client:
        yield client
    await late_events()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_the_running_stream_end_and_exits_with_0(number: signal.Signals, folder: Path) -> None:
    async with running(folder, "server_b", GRPC_PORT="0", MOCK_FAULTS="true") as program, client_of(program) as client:
        stream = client.stream_process(SLOW)
        await anext(stream)
        stopping = asyncio.create_task(program.stop(number))
        events = [event async for event in stream]
        assert isinstance(events[-1], Finished)
        assert "".join(event.text for event in events if isinstance(event, Delta)).endswith("streaming test response.")
        assert await stopping == 0
    assert "Traceback" not in "".join(program.lines)


async def test_a_stream_left_after_the_grace_ends_with_an_error_and_the_exit_is_0(folder: Path) -> None:
    settings = {"GRPC_PORT": "0", "MOCK_FAULTS": "true", "DRAIN_SECONDS": "0.05"}
    async with running(folder, "server_b", **settings) as program, client_of(program) as client:
        stream = client.stream_process(HANG)
        await anext(stream)
        stopping = asyncio.create_task(program.stop())
        with pytest.raises(Draining):
            [event async for event in stream]
        assert await stopping == 0
    assert "Traceback" not in "".join(program.lines)


async def test_a_second_signal_ends_the_grace(folder: Path) -> None:
    settings = {"GRPC_PORT": "0", "MOCK_FAULTS": "true", "DRAIN_SECONDS": "3600"}
    async with running(folder, "server_b", **settings) as program, client_of(program) as client:
        stream = client.stream_process(HANG)
        await anext(stream)
        program.process.send_signal(signal.SIGINT)
        assert await program.stop(signal.SIGTERM) == 0
        await stream.aclose()


async def test_tokens_and_tls_of_the_environment_are_in_force(folder: Path) -> None:
    authority = Authority(folder, "authority")
    pair = authority.issue("server")
    settings = {"GRPC_PORT": "0", "TLS_CERT_FILE": pair.cert_file, "TLS_KEY_FILE": pair.key_file}
    async with running(folder, "server_b", **settings, RELAY_TOKENS=f"alice:{SECRET}") as program:
        async with client_of(program, tls=True, ca_file=authority.ca_file, token=SECRET) as client:
            assert (await client.get_status()).provider == "mock"
        async with client_of(program, tls=True, ca_file=authority.ca_file) as stranger:
            with pytest.raises(Unauthenticated):
                await stranger.get_status()
    assert SECRET not in "".join(program.lines)


async def test_a_call_is_one_json_line_however_soon_the_stop_comes(folder: Path) -> None:
    settings = {"GRPC_PORT": "0", "LOG_FORMAT": "json", "MOCK_DELAY_SECONDS": "0", "DRAIN_SECONDS": "0"}
    async with running(folder, "server_b", **settings) as program, client_of(program) as client:
        await client.process(Prompt(message=SECRET, request_id="id-1"))
        await program.stop()
    (line,) = [line for line in program.lines if '"request_id": "id-1"' in line]
    assert '"outcome": "stop"' in line
    assert SECRET not in "".join(program.lines)


async def test_a_taken_port_is_reported_in_one_line_that_names_the_setting(folder: Path) -> None:
    async with running(folder, "server_b", GRPC_PORT="0") as first:
        code, lines = await asyncio.to_thread(ended, folder, GRPC_PORT=str(first.port))
    assert code == 1
    assert [line for line in lines if "GRPC_PORT" in line]
    assert "Traceback" not in "".join(lines)


def ended(folder: Path, **settings: str) -> tuple[int, list[str]]:
    """Runs Server B, which ends by itself; returns its exit code and what it wrote to stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "server_b"],
        cwd=folder,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize(
    ("settings", "begins"),
    [
        ({"GRPC_PORT": "many", "RELAY_TOKENS": SECRET}, ["GRPC_PORT: ", "RELAY_TOKENS: "]),
        ({"GRPC_HOST": "0.0.0.0"}, ["GRPC_HOST: "]),
        ({"TLS_CERT_FILE": "absent.pem", "TLS_KEY_FILE": "absent.key"}, ["TLS_CERT_FILE: "]),
        ({"AI_PROVIDER": "openai"}, ["OPENAI_API_KEY"]),
    ],
    ids=["bad values", "exposed", "no certificate", "no key"],
)
def test_bad_settings_stop_the_start_with_a_line_each_and_exit_code_2(
    settings: dict[str, str], begins: list[str], folder: Path
) -> None:
    code, lines = ended(folder, **settings)
    assert code == 2
    assert len(lines) == len(begins)
    for line, begin in zip(sorted(lines), begins, strict=True):
        assert line.startswith(f"server_b: {begin}")
        assert SECRET not in line
