"""Child processes, each pinned to a core: started, measured, and stopped without leaving one behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent.parent
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR")
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """The benchmark cannot continue. The text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """Which core runs what. Both are the same if there is only one."""

    relay: frozenset[int]
    load: frozenset[int]

    @classmethod
    def choose(cls) -> Cores:
        """Gives the relay the first available core, and the load the second."""
        usable = sorted(os.sched_getaffinity(0))
        return cls(relay=frozenset(usable[:1]), load=frozenset(usable[1:2] or usable))


@contextlib.contextmanager
def _on(cores: frozenset[int]) -> Iterator[None]:
    """Pins this process, and so the children that it starts in the block."""
    former = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, former)


@contextlib.asynccontextmanager
async def python(
    cores: frozenset[int],
    *arguments: str,
    settings: Mapping[str, str] | None = None,
    log: IO[bytes] | None = None,
    talks: bool = False,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs `python -m arguments` with only these settings; kills it at the end. Pipes standard streams if `talks`."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    with tempfile.TemporaryDirectory() as folder:
        _make_empty(folder, ".env")  # so that a .env beside the project is not read
        with _on(cores):
            process = await _whole(
                asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", *arguments),
                    cwd=folder,
                    env={**kept, "PYTHONPATH": str(ROOT), **(settings or {})},
                    stdin=pipe if talks else null,
                    stdout=pipe if talks else null,
                    stderr=log or null,
                    start_new_session=True,  # Ctrl-C reaches only the benchmark, which then stops them
                )
            )
        try:
            yield process
        finally:
            await _kill(process)


def _make_empty(folder: str, name: str) -> None:
    Path(folder, name).touch()


async def _whole(spawning: Coroutine[Any, Any, asyncio.subprocess.Process]) -> asyncio.subprocess.Process:
    """Spawns a process. If this is cancelled meanwhile, the process is killed, not left behind."""
    task = asyncio.create_task(spawning)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await _kill(await task)
        raise


async def _kill(process: asyncio.subprocess.Process) -> None:
    """Kills a process and its children. They have nothing left to do."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def cpu_seconds(pids: Iterable[int]) -> float:
    """Returns the CPU time that processes have used so far, user and system together."""
    ticks = 0
    for pid in pids:
        after_name = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        ticks += int(after_name[11]) + int(after_name[12])
    return ticks / _TICKS_A_SECOND


def resident_mb(pid: int) -> float:
    """Returns the resident memory of a process in MB (10^6 bytes)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
