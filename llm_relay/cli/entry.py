"""The entry point of the command `relay`."""

from __future__ import annotations

import sys
from pathlib import Path

from llm_relay.program.quiet_interrupt import end_quietly_on_interrupt


def main() -> None:
    """Runs the command, and ends the process with its exit code."""
    end_quietly_on_interrupt()
    _leave_out_own_folder()
    from llm_relay.cli.command import run

    sys.exit(run(sys.argv[1:]))


def _leave_out_own_folder() -> None:
    """Removes the command's folder from the import path. Python adds it, and other programs' modules may be in it."""
    if not sys.flags.safe_path and sys.path and sys.path[0] == str(Path(sys.argv[0]).resolve().parent):
        del sys.path[0]
