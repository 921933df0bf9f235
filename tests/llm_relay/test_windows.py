"""What can be tested of Windows here: nothing is imported or used that only POSIX systems have."""

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import gateway
import llm_relay
import server_a
import server_b
from tests.support.programs import environment, running
from tests.support.relay_command import relay

PACKAGES = (llm_relay, server_b, gateway, server_a)
LIKE_WINDOWS = "tests.support.windows_like"


def test_every_module_can_be_imported_without_what_windows_lacks(tmp_path: Path) -> None:
    found = (
        one.name for package in PACKAGES for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    )
    names = [name for name in found if not name.endswith("__main__")]
    assert len(names) > 100
    code = (
        f"import importlib, sys; from {LIKE_WINDOWS} import take_away; take_away()\n"
        "for name in sys.stdin.read().split(): importlib.import_module(name)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment({}),
        input=" ".join(names),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_several_workers_need_a_system_on_which_they_can_share_a_port(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", LIKE_WINDOWS, "server_b"],
        cwd=tmp_path,
        env=environment({"GRPC_PORT": "0", "WORKERS": "2"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.endswith("WORKERS: needs SO_REUSEPORT, which this system does not have: set WORKERS=1\n")


@pytest.mark.anyio
async def test_the_programs_serve_without_what_windows_lacks(tmp_path: Path) -> None:
    quick = {"MOCK_DELAY_SECONDS": "0", "MOCK_WORD_DELAY_SECONDS": "0"}
    async with running(
        tmp_path, LIKE_WINDOWS, "server_b", GRPC_PORT="0", LEDGER="sqlite:///calls.db", **quick
    ) as program:
        settings = {"SERVER_B_TARGET": program.address, "HTTP_PORT": "0"}
        async with running(tmp_path, LIKE_WINDOWS, "gateway", **settings) as http:
            assert http.port
        asked = await relay(tmp_path, "ask", "Hello", **settings)
        assert (asked.code, asked.out[:6]) == (0, "[MOCK ")
        usage = await relay(tmp_path, "usage", "--json", **settings)
        assert '"calls": 1' in usage.out
        assert await program.stop() == 0
    assert (tmp_path / "calls.db").exists()
