"""Programs start although their parent has closed some of their standard streams."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.programs import environment

LIMIT_S = 30.0
PING = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})


def run(folder: Path, closed: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs `python -m …` with a ping as its input and with the streams closed that the shell redirections close."""
    return subprocess.run(
        ["sh", "-c", f'exec "$0" -m "$@" {closed}', sys.executable, *arguments],
        cwd=folder,
        env=environment(settings),
        input=PING,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


@pytest.mark.parametrize("program", ["server_a", "server_b"])
def test_a_server_over_stdio_answers_without_a_standard_error(tmp_path: Path, program: str) -> None:
    ended = run(tmp_path, "2>&-", program, "stdio")
    assert json.loads(ended.stdout) == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert ended.returncode == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_a_server_over_stdio_ends_well_without_a_client(tmp_path: Path, closed: str) -> None:
    ended = run(tmp_path, closed, "server_a", "stdio")
    assert (ended.stdout, ended.returncode) == ("", 0)
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("arguments", [("server_a", "http"), ("server_b",), ("gateway",)])
def test_a_bad_setting_has_its_exit_code_without_a_standard_error(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert run(tmp_path, "2>&-", *arguments, LOG_FORMAT="carrier pigeon").returncode == 2
