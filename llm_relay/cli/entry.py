"""Where the command `relay` begins."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Runs the command, and ends the process with its exit code."""
    _leave_out_own_folder()
    from llm_relay.cli.command import run

    sys.exit(run(sys.argv[1:]))


def _leave_out_own_folder() -> None:
    """Takes the folder of the command, where other programs are too, off the import path: Python puts it there."""
    if not sys.flags.safe_path and sys.path and sys.path[0] == str(Path(sys.argv[0]).resolve().parent):
        del sys.path[0]
