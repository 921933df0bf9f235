"""`scripts/bench --quick` measures everything; how fast anything is does not matter here."""

import asyncio
import json
import signal
import sys
from dataclasses import fields
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from scripts.benchmark.loads import CallMeasures, Measures
from scripts.benchmark.mcp_measures import McpMeasures
from scripts.benchmark.targets import TARGETS
from tests.support.programs import environment

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="it reads CPU time from /proc"),
]


async def start(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scripts.benchmark", "--quick", *arguments),
        cwd=folder,
        env=environment({"TMPDIR": str(folder)}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def test_every_measure_of_every_target_is_printed_kept_and_drawn(tmp_path: Path) -> None:
    process = await start(tmp_path, "--json", "found.json", "--chart", "found.svg")
    async with asyncio.timeout(250):
        printed, _ = await process.communicate()
    text = printed.decode()
    assert process.returncode == 0, text
    found = json.loads((tmp_path / "found.json").read_text())
    assert set(found["targets"]) == {target.name for target in TARGETS}
    for target in TARGETS:
        medians = found["targets"][target.name]["median"]
        assert set(medians) == {measure.name for measure in fields(Measures)}
        # On a busy machine, the time added to the provider's own delay can be negative.
        assert all(value > 0 for name, value in medians.items() if not name.startswith("added")), medians
        assert target.title in text
    assert set(found["tool_calls"]) == {target.name for target in TARGETS if target.floors}
    for calls in found["tool_calls"].values():
        assert set(calls["median"]) == {measure.name for measure in fields(CallMeasures)}
        assert all(value > 0 for value in calls["median"].values()), calls
    assert set(found["mcp"]["median"]) == {measure.name for measure in fields(McpMeasures)}
    # So can what a call takes beyond the stand-in's own time, and the ratios of such differences.
    mcp = {name: value for name, value in found["mcp"]["median"].items() if "added" not in name and "ratio" not in name}
    assert all(value > 0 for value in mcp.values()), found["mcp"]
    assert not [warning for warning in found["warnings"] if "errors" in warning], found["warnings"]
    assert ET.parse(tmp_path / "found.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_every_process_that_it_started(tmp_path: Path, number: signal.Signals) -> None:
    process = await start(tmp_path)
    async with asyncio.timeout(60):
        while not (children := _descendants(process.pid, "server_b")):
            assert process.returncode is None
            await asyncio.sleep(0)
        process.send_signal(number)
        printed, _ = await process.communicate()
    assert process.returncode == 130, printed.decode()
    assert b"Traceback" not in printed
    assert not _running(children)


def _descendants(parent: int, name: str) -> list[int]:
    """Returns the children of a process once one of them runs `name`, or none before that."""
    children = [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children]
    return children if any(name.encode() in line.split(b"\0") for line in lines) else []


def _running(pids: list[int]) -> list[int]:
    """Returns the processes that have not ended."""
    stats = {pid: Path(f"/proc/{pid}/stat") for pid in pids}
    return [pid for pid, stat in stats.items() if stat.exists() and ") Z " not in stat.read_text()]
