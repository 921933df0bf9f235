"""Tables on a terminal: coloured and aligned; plain if the output goes elsewhere or NO_COLOR is set."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import pty
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llm_relay.cli.output import width
from tests.llm_relay.cli.accounts.test_commands import CALL, UNKNOWN
from tests.support.memory_ledger import MemoryLedger
from tests.support.programs import environment
from tests.support.relay_command import COMMAND, relay
from tests.support.serving import Serving, serving

pytestmark = pytest.mark.anyio

COLOUR = re.compile("\x1b\\[\\d+m")
LIMIT_S = 60


@pytest.fixture
async def served() -> AsyncIterator[Serving]:
    failed = dataclasses.replace(CALL, id="c3", outcome="PROVIDER_UNAVAILABLE", caller="a-caller-with-a-long-name")
    async with serving(ledger=MemoryLedger(CALL, UNKNOWN, failed)) as server:
        yield server


async def on_terminal(folder: Path, *arguments: str, **settings: str) -> str:
    """Runs `relay` with a terminal as its output; returns what the terminal got."""
    ours, theirs = pty.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *COMMAND, *arguments, cwd=folder, env=environment(settings), stdout=theirs, stderr=theirs
        )
        async with asyncio.timeout(LIMIT_S):
            await process.wait()
        return os.read(ours, 65536).decode().replace("\r\n", "\n")
    finally:
        os.close(ours)
        os.close(theirs)


async def test_a_table_is_aligned_with_and_without_colours(served: Serving, tmp_path: Path) -> None:
    settings = {"SERVER_B_TARGET": served.target, "TERM": "xterm"}
    plain = await relay(tmp_path, "calls", **settings)
    inked = await on_terminal(tmp_path, "calls", **settings)
    assert "\x1b" not in plain.out
    assert COLOUR.sub("", inked) == plain.out
    assert "\x1b[1mCALLER\x1b[0m" in inked
    assert "\x1b[31mlost\x1b[0m" in inked
    assert "\x1b[35m?\x1b[0m" in inked
    assert "\x1b[31mPROVIDER_UNAVAILABLE\x1b[0m" in inked


@pytest.mark.parametrize("off", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
async def test_colours_can_be_turned_off(off: dict[str, str], served: Serving, tmp_path: Path) -> None:
    settings = {"SERVER_B_TARGET": served.target, "TERM": "xterm", **off}
    assert "\x1b" not in await on_terminal(tmp_path, "calls", **settings)


async def test_errors_are_red(tmp_path: Path) -> None:
    told = await on_terminal(tmp_path, "models", "--env-file", "none.env", TERM="xterm")
    assert told == f"\x1b[31mrelay\x1b[0m: --env-file: there is no file {tmp_path}/none.env\n"


@pytest.mark.parametrize(
    ("text", "columns"), [("alice", 5), ("日本語", 6), ("é", 1), ("e\u0301", 1), ("Ł", 1), ("🙂", 2)]
)
def test_a_texts_width_is_that_on_a_terminal(text: str, columns: int) -> None:
    assert width(text) == columns


async def test_numbers_are_aligned_beside_wide_letters(tmp_path: Path) -> None:
    ledger = MemoryLedger(dataclasses.replace(CALL, model="日本語"), CALL)
    async with serving(ledger=ledger) as server:
        out = (await relay(tmp_path, "calls", SERVER_B_TARGET=server.target)).out
    lines = out.splitlines()
    assert len(lines) == 3
    assert len({width(line.partition("1,200")[0]) for line in lines[1:]}) == 1
