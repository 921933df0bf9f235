"""A command that runs for long, such as `relay calls --follow`, must not keep its garbage."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from llm_relay.program.event_loop import YOUNG_OBJECTS
from tests.support.programs import environment

pytestmark = pytest.mark.anyio

LIMIT_S = 60.0
TELLING = """\
import atexit, gc, sys
atexit.register(lambda: sys.stdout.write(f"threshold {gc.get_threshold()[0]}\\n"))
from llm_relay.cli.entry import main
main()
"""


@pytest.mark.parametrize(
    "command", ["calls --follow", "whoami", "health", "models", "ask hello", "check gateway", "ledger backup copy.db"]
)
async def test_a_command_collects_garbage_as_the_programs_do(command: str, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", TELLING, *command.split()),
        cwd=tmp_path,
        env=environment({"SERVER_B_TARGET": "127.0.0.1:1", "HTTP_PORT": "0"}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(LIMIT_S):
        told, _ = await process.communicate()
    assert told.decode().splitlines()[-1] == f"threshold {YOUNG_OBJECTS}"
