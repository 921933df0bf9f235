"""Ctrl-C while a program still imports its modules ends it at once, without a traceback."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.programs import environment

LIMIT_S = 30.0


@pytest.mark.parametrize(
    ("arguments", "imported"),
    [
        (("server_b",), "llm_relay.program.process_setup"),
        (("gateway",), "llm_relay.program.process_setup"),
        (("server_a", "http"), "llm_relay.program.process_setup"),
        (("llm_relay.cli", "ask", "Hello"), "llm_relay.cli.command_error"),
        (("scripts.showcase",), "scripts.showcase.plan"),
    ],
)
def test_ctrl_c_during_the_imports_shows_no_traceback(
    arguments: tuple[str, ...], imported: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-X", "importtime", "-m", *arguments]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment({}), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        # Python writes a line for each module that it has imported.
        while not (line := process.stderr.readline()).rstrip().endswith(imported):
            assert line
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=LIMIT_S)
    assert "Traceback" not in rest


def test_an_interrupt_that_python_would_ignore_ends_the_process_too() -> None:
    program = """
import llm_relay.program.process_setup

class Finalized:
    def __del__(self):
        raise KeyboardInterrupt

Finalized()
print("went on")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


def test_other_errors_keep_their_traceback() -> None:
    program = "import llm_relay.program.process_setup\nraise LookupError('lost')"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, True)
