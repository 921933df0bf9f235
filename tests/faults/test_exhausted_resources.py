"""Programs that run out of file descriptors, or cannot write their log: they go on, and recover by themselves."""

import asyncio
import contextlib
import os
import resource
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import RelayError
from llm_relay.messages import Prompt
from tests.faults.conftest import RecordFault
from tests.support.ports import free_port, until_listening
from tests.support.programs import Program, environment, running
from tests.support.resources import cpu_s, open_files

pytestmark = pytest.mark.anyio

LISTENING = {"GRPC_PORT": "0", "HTTP_PORT": "0", "MCP_PORT_A": "0"}
AT_ONCE = {"MOCK_DELAY_SECONDS": "0", "MOCK_WORD_DELAY_SECONDS": "0"}
SPARE_FILES = 30
PATIENCE_S = 60.0
WATCHED_S = 1.0
PROGRAMS = [
    pytest.param(("server_b",), id="grpc"),
    pytest.param(("gateway",), id="http"),
    pytest.param(("server_a", "http"), id="mcp-http"),
]


async def answers(name: str, address: str) -> bool:
    """Returns whether a program answers within PATIENCE_S, over a new connection."""
    with contextlib.suppress(RelayError, httpx2.HTTPError):
        if name == "server_b":
            async with RelayClient(Dial(target=address), timeout_s=PATIENCE_S) as client:
                return "Hi" in (await client.process(Prompt(message="Hi"))).text
        async with httpx2.AsyncClient(base_url=f"http://{address}", timeout=PATIENCE_S, trust_env=False) as http:
            return (await http.get("/health")).status_code in (200, 404)  # MCP has no such route and answers 404
    return False


@contextlib.asynccontextmanager
async def connections(port: int, count: int) -> AsyncIterator[None]:
    """Opens that many connections until the block ends; the kernel accepts those that the program cannot."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(count):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(lambda held: held.transport.abort(), writer)
        yield


async def until_files(pid: int, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while open_files(pid) != count:  # noqa: ASYNC110 - another process sends no event
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_program_without_file_descriptors_waits_idly_and_recovers_by_itself(
    tmp_path: Path, record_fault: RecordFault, request: pytest.FixtureRequest, program: tuple[str, ...]
) -> None:
    async with (
        running(tmp_path, "server_b", **LISTENING, **AT_ONCE) as server_b,
        running(
            tmp_path, program[0], *program[1:], SERVER_B_TARGET=server_b.address, **LISTENING, **AT_ONCE
        ) as starved,
    ):
        pid = starved.process.pid
        most = open_files(pid) + SPARE_FILES
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))
        async with connections(starved.port, 3 * SPARE_FILES):
            await until_files(pid, most)
            used_s, lines = cpu_s(pid), len(starved.lines)
            await asyncio.sleep(WATCHED_S)  # CPU use is measured over a while
            assert cpu_s(pid) - used_s < WATCHED_S / 4, "the program uses CPU while it waits for a file descriptor"
            assert len(starved.lines) - lines < 10, starved.lines[-3:]
        began = time.monotonic()
        await until_it_answers(program[0], starved)
        record_fault(
            fault="out of file descriptors",
            door=request.node.callspec.id,
            outcome="answers again",
            seconds=time.monotonic() - began,
        )


@contextlib.asynccontextmanager
async def writing_nowhere(
    folder: Path, place: str, *program: str, port: int, **settings: str
) -> AsyncIterator[Program]:
    """Runs a program whose stderr is a full disk or a pipe that nobody reads."""
    if place == "full disk":
        stderr = os.open("/dev/full", os.O_WRONLY)
    else:
        reading, stderr = os.pipe()
        os.close(reading)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *program, cwd=folder, env=environment(settings), stderr=stderr
        )
    finally:
        os.close(stderr)
    try:
        yield Program(process, port=port)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def until_it_answers(name: str, program: Program) -> None:
    """Retries as a client does after a refusal: a dependency may be down for a second more."""
    async with asyncio.timeout(PATIENCE_S):
        while not await answers(name, program.address):
            assert program.process.returncode is None, "the program ended"
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("place", ["full disk", "closed pipe"])
@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_log_that_cannot_be_written_breaks_no_call(
    tmp_path: Path, record_fault: RecordFault, request: pytest.FixtureRequest, program: tuple[str, ...], place: str
) -> None:
    port = free_port()
    listening = dict.fromkeys(LISTENING, str(port))
    async with (
        running(tmp_path, "server_b", **LISTENING, **AT_ONCE) as server_b,
        writing_nowhere(
            tmp_path, place, *program, port=port, SERVER_B_TARGET=server_b.address, **listening, **AT_ONCE
        ) as mute,
    ):
        began = time.monotonic()
        await until_listening(port, mute.process, within_s=PATIENCE_S)
        for _ in range(20):
            assert await answers(program[0], mute.address)
        door = request.node.callspec.id.partition("-full")[0].partition("-closed")[0]
        record_fault(fault=f"stderr is a {place}", door=door, outcome="answers", seconds=time.monotonic() - began)
        assert await mute.stop() == 0
