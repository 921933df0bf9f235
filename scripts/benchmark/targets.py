"""The measured targets: our programs and their floors, each with its processes."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import IO, Literal

from scripts.benchmark.asked import Asked
from scripts.benchmark.door import Door, open_lines
from scripts.benchmark.processes import BenchError, Cores, python
from scripts.benchmark.tally import Answer, Tally
from tests.support.ports import free_port

START_TIMEOUT_S = 30.0
_POLL_S = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One process of a target: the arguments after `python -m`, and its settings."""

    arguments: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A row of the table."""

    name: str
    title: str
    floors: tuple[str, ...]
    """The names of the targets that it is compared with; none for a floor."""
    kind: Literal["grpc", "http", "openai"]
    launches: Callable[[int, int, int], tuple[Launch, ...]]
    """Takes the port to serve on, the port behind it, and the provider's port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A running target that has answered."""

    door: Door
    pids: tuple[int, ...]
    cold_start_s: float
    """From the start of its first process to its first answer."""


def server_b(port: int, provider: int, **more: str) -> Launch:
    """Returns Server B with the stand-in as its provider. `more` are further settings."""
    settings = {
        **more,
        "GRPC_PORT": str(port),
        "AI_PROVIDER": "openai",
        "OPENAI_API_KEY": "none",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{provider}/v1",
    }
    return Launch(arguments=("server_b",), settings=settings)


def _gateway(port: int, behind: int) -> Launch:
    return Launch(arguments=("gateway",), settings={"HTTP_PORT": str(port), "SERVER_B_TARGET": f"127.0.0.1:{behind}"})


def _grpc_floor(port: int, provider: int, each: str) -> Launch:
    return Launch(arguments=("scripts.benchmark.grpc_floor", str(port), str(provider), each))


def _http_floor(port: int, behind: int) -> Launch:
    return Launch(arguments=("scripts.benchmark.http_floor", str(port), str(behind)))


TARGETS = (
    Target(
        name="grpc",
        title="our gRPC server",
        floors=("grpc-token", "grpc-read", "grpc-contract", "grpc-off"),
        kind="grpc",
        launches=lambda port, _behind, provider: (server_b(port, provider),),
    ),
    Target(
        name="grpc-off",
        title="our gRPC server, LEDGER=off",
        floors=("grpc-token", "grpc-read", "grpc-contract"),
        kind="grpc",
        launches=lambda port, _behind, provider: (server_b(port, provider, LEDGER="off"),),
    ),
    Target(
        name="grpc-token",
        title="bare grpc.aio, a message a token",
        floors=(),
        kind="grpc",
        launches=lambda port, _behind, provider: (_grpc_floor(port, provider, "token"),),
    ),
    Target(
        name="grpc-read",
        title="bare grpc.aio, a message a read",
        floors=(),
        kind="grpc",
        launches=lambda port, _behind, provider: (_grpc_floor(port, provider, "read"),),
    ),
    Target(
        name="grpc-contract",
        title="bare grpc.aio under the contract",
        floors=(),
        kind="grpc",
        launches=lambda port, _behind, provider: (_grpc_floor(port, provider, "contract"),),
    ),
    Target(
        name="gateway",
        title="our gateway, Server B behind",
        floors=("http-token", "http-read", "http-contract"),
        kind="http",
        launches=lambda port, behind, provider: (server_b(behind, provider), _gateway(port, behind)),
    ),
    Target(
        name="v1",
        title="our /v1, Server B behind",
        floors=("http-token", "http-read", "http-contract"),
        kind="openai",
        launches=lambda port, behind, provider: (server_b(behind, provider), _gateway(port, behind)),
    ),
    Target(
        name="http-token",
        title="bare FastAPI → grpc.aio, a message a token",
        floors=(),
        kind="http",
        launches=lambda port, behind, provider: (_grpc_floor(behind, provider, "token"), _http_floor(port, behind)),
    ),
    Target(
        name="http-read",
        title="bare FastAPI → grpc.aio, a message a read",
        floors=(),
        kind="http",
        launches=lambda port, behind, provider: (_grpc_floor(behind, provider, "read"), _http_floor(port, behind)),
    ),
    Target(
        name="http-contract",
        title="bare FastAPI → grpc.aio under the contract",
        floors=(),
        kind="http",
        launches=lambda port, behind, provider: (_grpc_floor(behind, provider, "contract"), _http_floor(port, behind)),
    ),
)


@contextlib.asynccontextmanager
async def running(target: Target, provider: int, cores: Cores) -> AsyncIterator[Running]:
    """Runs a target and yields it after its first answer. Raises BenchError with its log if there is none."""
    port, behind = free_port(), free_port()
    door = Door(kind=target.kind, port=port)
    began = asyncio.get_running_loop().time()
    async with launched(target.launches(port, behind, provider), cores.relay) as programs:
        await programs.until_answered(door)
        yield Running(door=door, pids=programs.pids, cold_start_s=asyncio.get_running_loop().time() - began)


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Running processes and their shared log."""

    processes: tuple[asyncio.subprocess.Process, ...]
    log: IO[bytes]

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids."""
        return tuple(process.pid for process in self.processes)

    async def until_answered(self, door: Door) -> None:
        """Calls an interface until it answers. Raises BenchError with the log if it does not, or if a process ends."""
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while not await _answers(door):
                    if any(process.returncode is not None for process in self.processes):
                        raise BenchError(f"a program ended before its first answer:\n{self._written()}")
                    await asyncio.sleep(_POLL_S)
        except TimeoutError as error:
            raise BenchError(f"no correct answer within {START_TIMEOUT_S:g} s:\n{self._written()}") from error

    def _written(self) -> str:
        self.log.seek(0)
        return self.log.read().decode(errors="replace")


@contextlib.asynccontextmanager
async def launched(launches: Iterable[Launch], cores: frozenset[int]) -> AsyncIterator[Programs]:
    """Runs processes on these cores, and kills them at the end."""
    async with contextlib.AsyncExitStack() as stack:
        log: IO[bytes] = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  the stack closes it
        processes = [
            await stack.enter_async_context(python(cores, *launch.arguments, settings=launch.settings, log=log))
            for launch in launches
        ]
        yield Programs(processes=tuple(processes), log=log)


async def _answers(door: Door) -> bool:
    asked, tally, ended = Asked(tokens=20), Tally(), asyncio.Event()
    try:
        (line,) = await open_lines(door, asked, 1, is_stream=False)
    except OSError:
        return False
    line.ask(Answer(tally, asked.tokens * door.copies(asked), ended.set, is_stream=False))
    try:
        await ended.wait()
    finally:
        line.close()
    return tally.answers == 1
