"""`relay check`: checks the settings of the programs, and whether they can reach what they need."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands

PROGRAMS = ("server-b", "gateway", "mcp")


class _AnyOf(tuple[str, ...]):
    """The choices of PROGRAM, and the empty list, with which argparse calls `in` if no program is named."""

    __slots__ = ()

    def __contains__(self, value: object) -> bool:
        return value == [] or super().__contains__(value)


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the subcommand."""
    parser = commands.add_parser(
        "check",
        parents=[common],
        help="check the settings, and show how to fix each problem",
        description="Checks settings, certificates and ports, whether the provider accepts the key, and whether"
        " Server B can be reached. Exits with 1 if something must be fixed.",
    )
    parser.add_argument(
        "programs",
        nargs="*",
        choices=_AnyOf(PROGRAMS),
        metavar="PROGRAM",
        help=f"one or more of {', '.join(PROGRAMS)} (default: all of them)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Writes the findings; returns the exit code."""
    from llm_relay.check.report import report
    from llm_relay.cli.program_findings import findings_of
    from llm_relay.program.event_loop import run_command

    return run_command(report(findings_of(arguments.programs or PROGRAMS)))
