"""`python -m PROGRAM check`, as its users run it."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.programs import environment

LIMIT_S = 30.0
FREE_PORTS = {"HTTP_PORT": "0", "MCP_PORT_A": "0"}


async def check(folder: Path, program: str, settings: Mapping[str, str]) -> tuple[int, list[str]]:
    """Runs the check in `folder`; returns its exit code and its lines."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", program, "check"),
        cwd=folder,
        env=environment({**FREE_PORTS, **settings}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(LIMIT_S):
        told, complaints = await process.communicate()
    assert complaints == b""
    assert process.returncode is not None
    return process.returncode, told.decode().splitlines()


def failed(lines: list[str]) -> list[str]:
    """Returns the lines that are not ok."""
    return [line.removeprefix("FAILED").strip() for line in lines if line.startswith("FAILED")]
