"""The command `relay`, as its users run it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.programs import environment

LIMIT_S = 60.0
COMMAND = (sys.executable, "-P", "-m", "llm_relay.cli")


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str


@contextlib.asynccontextmanager
async def started(folder: Path, *arguments: str, **settings: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Starts `relay` in `folder` with pipes for its standard streams; kills it at the end."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        cwd=folder,
        env=environment(settings),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def ended(process: asyncio.subprocess.Process, stdin: bytes = b"") -> Ended:
    """Waits until a command has ended."""
    async with asyncio.timeout(LIMIT_S):
        out, err = await process.communicate(stdin)
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


async def relay(folder: Path, *arguments: str, **settings: str) -> Ended:
    """Runs `relay` to its end, with an empty stdin."""
    async with started(folder, *arguments, **settings) as process:
        return await ended(process)
