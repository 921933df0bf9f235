"""The programs as users start them: `python -m NAME`, in a folder with no .env and a clean environment."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
START_LIMIT_S = 60.0
STOP_LIMIT_S = 60.0
_LISTENS = re.compile(r" on (?:https?://)?(\S+):(\d+)")
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "XDG_STATE_HOME")


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Returns an environment with these settings and none of this process's own."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {**kept, "PYTHONPATH": str(PROJECT), **settings}


@dataclass
class Program:
    """A running program."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)
    """The lines that it has written to stderr so far."""
    port: int = 0
    more: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with each line, and at the end."""
    silent: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the program and all its children have ended, so that its stderr is closed."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def stop(self, number: signal.Signals = signal.SIGTERM, within_s: float = STOP_LIMIT_S) -> int:
        """Sends the signal and returns the exit code; raises TimeoutError if it takes too long."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(within_s):
            return await self.process.wait()

    async def told(self, pattern: str, times: int = 1, within_s: float = START_LIMIT_S) -> list[str]:
        """Waits until that many lines match; returns the text of the pattern's group in each."""
        async with asyncio.timeout(within_s):
            while len(found := re.findall(pattern, "".join(self.lines))) < times:
                self.more.clear()
                await self.more.wait()
        return found


@contextlib.asynccontextmanager
async def running(folder: Path, name: str, *arguments: str, **settings: str) -> AsyncIterator[Program]:
    """Runs `python -m name arguments` in `folder`; yields it once it prints its address, kills it at the end."""
    async with starting(folder, name, *arguments, **settings) as program:
        async with asyncio.timeout(START_LIMIT_S):
            while not program.port:
                if program.silent.is_set():
                    raise RuntimeError(f"{name} ended before it listened:\n" + "".join(program.lines))
                program.more.clear()
                await program.more.wait()
        yield program


@contextlib.asynccontextmanager
async def starting(folder: Path, name: str, *arguments: str, **settings: str) -> AsyncIterator[Program]:
    """Runs `python -m name arguments` in `folder`; yields it at once, kills it at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", name, *arguments, cwd=folder, env=environment(settings), stderr=asyncio.subprocess.PIPE
    )
    program = Program(process)
    reading = asyncio.create_task(_read(program))
    try:
        yield program
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reading


async def _read(program: Program) -> None:
    assert program.process.stderr is not None
    async for line in program.process.stderr:
        text = line.decode(errors="replace")
        program.lines.append(text)
        if not program.port and (found := _LISTENS.search(text)):
            program.port = int(found[2])
        program.more.set()
    program.silent.set()
    program.more.set()
