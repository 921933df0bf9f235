"""`relay health`: checks whether Server B accepts calls, for containers and service managers."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands

TIMEOUT_S = 4.0


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the subcommand."""
    parser = commands.add_parser(
        "health",
        parents=[common],
        help="check whether Server B accepts calls, for health checks",
        description="Asks Server B's health service, which needs no token. Exits with 0 if Server B accepts calls, with"
        " 3 if it does not or cannot be reached.",
    )
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Prints `serving` and returns the exit code. Raises CommandError if Server B accepts no calls."""
    from llm_relay.cli.server_b_client import read_dial_settings, reported_failures
    from llm_relay.client.health import check_health
    from llm_relay.program.event_loop import run_command

    dial = read_dial_settings().dial
    with reported_failures():
        run_command(check_health(dial, timeout_s=TIMEOUT_S))
    sys.stdout.write("serving\n")
    return 0
