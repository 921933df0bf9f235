"""WORKERS=2: two processes of a program on one port, and the supervisor that starts, replaces and stops them."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from generated.relay.v1 import relay_pb2, relay_pb2_grpc
from llm_relay.client.channel import SERVICE
from llm_relay.tls.authority import Authority
from tests.support.programs import Program, environment, running
from tests.support.serving import late_events

pytestmark = pytest.mark.anyio

LIMIT_S = 30.0
CONNECTIONS = 20
"""All of them go to the same one of two workers once in 2**19 times."""
QUICK = {"MOCK_DELAY_SECONDS": "0", "MOCK_WORD_DELAY_SECONDS": "0.02"}
ENDS_WELL = "streaming test response."
SERVES = r"Worker (\d+) serves"
STOPS = r"(Stopping) "
REPLACES = r"A worker ended unexpectedly \((-?\d+)\)"
PORTS = {"server_b": "GRPC_PORT", "gateway": "HTTP_PORT"}

PROGRAMS = pytest.mark.parametrize("name", PORTS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose empty .env prevents any other from being read."""
    (tmp_path / ".env").touch()
    return tmp_path


@contextlib.asynccontextmanager
async def two_workers(folder: Path, name: str = "server_b", **settings: str) -> AsyncIterator[tuple[Program, set[int]]]:
    """Yields a program and its process ids once both of its workers serve."""
    async with running(folder, name, WORKERS="2", **{PORTS[name]: "0"}, **QUICK, **settings) as program:
        yield program, {int(pid) for pid in await program.told(SERVES, 2)}
    await late_events()


@contextlib.asynccontextmanager
async def channel_to(program: Program) -> AsyncIterator[grpc.aio.Channel]:
    """Yields a channel with its own connection."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(program.address, options=options) as channel:
        yield channel


@contextlib.asynccontextmanager
async def connection(program: Program) -> AsyncIterator["relay_pb2_grpc.RelayServiceAsyncStub"]:
    """Yields a stub with its own connection."""
    async with channel_to(program) as channel:
        yield relay_pb2_grpc.RelayServiceStub(channel)


async def number(stub: "relay_pb2_grpc.RelayServiceAsyncStub") -> int:
    """Returns the number that its worker's mock gave to an answer."""
    answer = await stub.Process(relay_pb2.ProcessRequest(message="Hi"), timeout=LIMIT_S)
    found = re.search(r"#(\d+)", answer.text)
    assert found
    return int(found[1])


Stream = grpc.aio.UnaryStreamCall[relay_pb2.StreamProcessRequest, relay_pb2.StreamProcessResponse]


@contextlib.asynccontextmanager
async def streams(program: Program, model: str = "", *, firsts: int = 0) -> AsyncIterator[list[Stream]]:
    """Yields streams that have begun, over as many connections as it takes to reach both workers.

    `firsts`: how many of the workers have been called before.
    """
    async with contextlib.AsyncExitStack() as stack:
        begun: list[Stream] = []
        while firsts < 2 and len(begun) < CONNECTIONS:
            stub = await stack.enter_async_context(connection(program))
            firsts += await number(stub) == 1
            call = stub.StreamProcess(relay_pb2.StreamProcessRequest(message="Hi", model=model), timeout=LIMIT_S)
            stack.callback(call.cancel)
            assert await call.read() is not grpc.aio.EOF
            begun.append(call)
        assert firsts == 2
        yield begun


async def rest(stream: Stream) -> str:
    """Reads a stream to its good end; returns the text that was still missing."""
    text = ""
    while (response := await stream.read()) is not grpc.aio.EOF:
        assert isinstance(response, relay_pb2.StreamProcessResponse)
        text += response.delta.text
    return text


@contextlib.asynccontextmanager
async def watches(program: Program) -> AsyncIterator[list[Any]]:
    """Yields watches of Server B's health that have seen it serve, each over its own connection."""
    async with contextlib.AsyncExitStack() as stack:
        begun = []
        for _ in range(CONNECTIONS):
            health: Any = health_pb2_grpc.HealthStub(await stack.enter_async_context(channel_to(program)))
            begun.append(watch := health.Watch(health_pb2.HealthCheckRequest(service=SERVICE), timeout=LIMIT_S))
            stack.callback(watch.cancel)
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        yield begun


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_signal_lets_the_streams_of_all_workers_end_and_exits_with_0(folder: Path) -> None:
    async with two_workers(folder) as (program, pids), streams(program) as begun, watches(program) as seen:
        assert all(os.getsid(pid) == pid for pid in pids)  # out of reach of a terminal's Ctrl-C
        stopping = asyncio.create_task(program.stop())
        for watch in seen:
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert all(text.endswith(ENDS_WELL) for text in await asyncio.gather(*map(rest, begun)))
        assert await stopping == 0
        assert not any(map(is_alive, pids))
        await program.silent.wait()
    assert len(re.findall(STOPS, "".join(program.lines))) == 2
    assert "Traceback" not in "".join(program.lines)


async def test_a_second_signal_ends_the_drain_of_all_workers(folder: Path) -> None:
    async with (
        two_workers(folder, DRAIN_SECONDS="3600", MOCK_FAULTS="true") as (program, _),
        streams(program, "mock-model?fault=hang_during") as begun,
    ):
        program.process.send_signal(signal.SIGINT)
        await program.told(STOPS, 2)
        assert await program.stop() == 0
        for stream in begun:
            with pytest.raises(grpc.aio.AioRpcError, match="is stopping"):
                await rest(stream)


async def test_workers_drain_and_end_when_their_supervisor_is_killed(folder: Path) -> None:
    async with two_workers(folder) as (program, pids), streams(program) as begun:
        program.process.kill()
        assert all(text.endswith(ENDS_WELL) for text in await asyncio.gather(*map(rest, begun)))
        async with asyncio.timeout(LIMIT_S):
            await program.silent.wait()
        assert len(pids) == 2
    assert len(re.findall(STOPS, "".join(program.lines))) == 2


async def test_a_killed_worker_is_replaced_and_calls_go_on(folder: Path) -> None:
    async with two_workers(folder, DRAIN_SECONDS="0") as (program, pids):
        os.kill(pids.pop(), signal.SIGKILL)
        assert await program.told(REPLACES) == ["-9"]
        async with connection(program) as stub:
            assert await number(stub) == 1
        await program.told(SERVES, 3)
        async with streams(program, firsts=1) as begun:
            assert all(text.endswith(ENDS_WELL) for text in await asyncio.gather(*map(rest, begun)))
        assert await program.stop() == 0


async def answers(stream: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> bool:
    """Returns whether a connection to the gateway still answers a request."""
    reader, writer = stream
    try:
        writer.write(b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return (await reader.read(12)).endswith(b" 404")
    except ConnectionError:
        return False
    finally:
        writer.close()


async def test_one_worker_of_the_gateway_serves_while_the_other_is_replaced(folder: Path) -> None:
    async with two_workers(folder, "gateway", SERVER_B_TARGET="127.0.0.1:1") as (program, pids):
        opened = [await asyncio.open_connection("127.0.0.1", program.port) for _ in range(CONNECTIONS)]
        os.kill(pids.pop(), signal.SIGKILL)
        await program.told(REPLACES)
        async with asyncio.timeout(LIMIT_S):
            assert set(await asyncio.gather(*map(answers, opened))) == {True, False}
            await program.told(SERVES, 3)
            again = [await asyncio.open_connection("127.0.0.1", program.port) for _ in range(CONNECTIONS)]
            assert all(await asyncio.gather(*map(answers, again)))
        assert await program.stop() == 0
    assert "Traceback" not in "".join(program.lines)


async def test_a_terminated_worker_drains_and_its_replacement_uses_the_current_settings(
    folder: Path,
) -> None:
    (folder / ".env").write_text("RELAY_TOKENS=ann:secret\n")
    async with two_workers(folder) as (program, pids):
        (folder / ".env").write_text("GRPC_HOST=0.0.0.0\nRELAY_TOKENS=\n")
        os.kill(pids.pop(), signal.SIGTERM)
        assert await program.told(REPLACES) == ["0"]
        await program.told(SERVES, 3)
        for _ in range(CONNECTIONS):
            async with connection(program) as stub:
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await number(stub)
                assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert await program.stop() == 0


async def test_a_half_renewed_certificate_is_retried_until_it_is_complete_and_the_other_worker_serves_on(
    folder: Path,
) -> None:
    authority = Authority(folder, "ca")
    pair, other = authority.issue("server"), authority.issue("other")
    files = {"TLS_CERT_FILE": pair.cert_file, "TLS_KEY_FILE": pair.key_file}
    async with two_workers(folder, **files) as (program, pids):
        shutil.copy(other.key_file, pair.key_file)
        os.kill(pids.pop(), signal.SIGKILL)
        assert (await program.told(REPLACES, 3))[:3] == ["-9", "2", "2"]
        assert is_alive(pids.pop())
        shutil.copy(other.cert_file, pair.cert_file)
        await program.told(SERVES, 3)
        assert await program.stop() == 0


async def ended(folder: Path, *command: str, **settings: str) -> tuple[int | None, list[str]]:
    """Runs a program that ends by itself; returns its exit code and the lines that it wrote."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *command,
        cwd=folder,
        env=environment({"WORKERS": "2", **settings}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(LIMIT_S):
        told, _ = await process.communicate()
    return process.returncode, told.decode().splitlines()


@PROGRAMS
@pytest.mark.parametrize("shared", [False, True], ids=["alone", "shared"])
async def test_a_taken_port_is_reported_in_one_line_that_names_the_setting(
    name: str, shared: bool, folder: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=shared) as taken:
        code, lines = await ended(folder, name, **{PORTS[name]: str(taken.getsockname()[1])})
    assert code == 1
    (line,) = lines
    assert f"{PORTS[name]}: cannot listen on 127.0.0.1:" in line


@pytest.mark.parametrize(
    ("name", "settings", "begins"),
    [
        ("server_b", {"WORKERS": "0"}, "WORKERS: "),
        ("gateway", {"WORKERS": "65"}, "WORKERS: "),
        ("server_b", {"GRPC_HOST": "0.0.0.0"}, "GRPC_HOST: "),
        ("gateway", {"HTTP_HOST": "0.0.0.0"}, "HTTP_HOST: "),
        ("server_b", {"AI_PROVIDER": "openai"}, "OPENAI_API_KEY"),
    ],
)
async def test_a_bad_setting_is_reported_once_with_exit_code_2(
    name: str, settings: dict[str, str], begins: str, folder: Path
) -> None:
    code, lines = await ended(folder, name, **{PORTS[name]: "0"}, **settings)
    assert code == 2
    (line,) = lines
    assert line.startswith(f"{name}: {begins}")


async def test_a_check_starts_no_workers(folder: Path) -> None:
    code, lines = await ended(folder, "server_b", "check", GRPC_PORT="0")
    assert code == 0
    assert all(line.startswith("ok ") for line in lines)
