"""Commands with subcommands, such as `relay budgets put`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from llm_relay.cli.output import add_formats

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands


def add_group(
    commands: Commands, common: argparse.ArgumentParser, name: str, *, help_: str, description: str
) -> tuple[argparse.ArgumentParser, Commands]:
    """Adds a command with subcommands. Returns its parser, and the group that its subcommands are added to."""
    parser = commands.add_parser(name, parents=[common], help=help_, description=description)
    add_formats(parser)
    inner = parser.add_subparsers(title="commands", metavar="COMMAND")
    return parser, inner


def add_to_group(inner: Commands, common: argparse.ArgumentParser, name: str, help_: str) -> argparse.ArgumentParser:
    """Adds a command to a group."""
    parser = inner.add_parser(name, parents=[common], help=help_, description=f"{help_[0].upper()}{help_[1:]}.")
    add_formats(parser)
    return parser
