"""`relay ledger`: copies the ledger, on Server B's machine and with its settings."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_relay.cli import exit_codes
from llm_relay.cli.command_error import CommandError

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the command and its subcommands."""
    parser = commands.add_parser(
        "ledger",
        parents=[common],
        help="back up the ledger, or move it from SQLite to PostgreSQL",
        description="Copies the ledger that LEDGER names. Run it on the machine of Server B, with its settings.",
    )
    inner = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    backup = inner.add_parser(
        "backup",
        parents=[common],
        help="copy a SQLite ledger into a new file, while servers use it",
        description="Copies a SQLite ledger into a new file, as it is at one moment. Servers keep running.",
    )
    backup.add_argument("file", type=Path, metavar="FILE", help="the new file")
    backup.set_defaults(run=_backup)
    copy = inner.add_parser(
        "copy",
        parents=[common],
        help="copy a SQLite ledger into an empty PostgreSQL database",
        description="Copies the SQLite ledger of LEDGER into a PostgreSQL database that has none, and compares the two."
        " Stop the servers first. If it is interrupted, run it again: it continues where it stopped.",
    )
    copy.add_argument("target", metavar="URL", help="postgresql://USER:PASSWORD@HOST/DATABASE; -: read it from stdin")
    copy.set_defaults(run=_copy)


def _backup(arguments: argparse.Namespace) -> int:
    import importlib

    from llm_relay.program.event_loop import run_command

    settings = _settings()
    backup = importlib.import_module("server_b.ledger.backup").backup
    size = _run(lambda: run_command(backup(settings.ledger_url, arguments.file, folder=settings.ledger_folder)))
    sys.stderr.write(f"{arguments.file.absolute()}: {size:,} bytes\n")
    return exit_codes.OK


def _copy(arguments: argparse.Namespace) -> int:
    import importlib

    from llm_relay.program.event_loop import run_command

    settings = _settings()
    target = sys.stdin.readline().strip() if arguments.target == "-" else arguments.target
    copy = importlib.import_module("server_b.ledger.copying").copy_ledger
    rows = _run(
        lambda: run_command(copy(settings.ledger_url, target, folder=settings.ledger_folder, progress=_progress))
    )
    sys.stderr.write(f"{rows:,} rows are copied, and both ledgers are equal. Now set LEDGER to that database\n")
    return exit_codes.OK


def _progress(table: str, done: int, rows: int) -> None:
    sys.stderr.write(f"{table}: {done:,} of {rows:,}\n")


def _settings() -> Any:
    """Returns Server B's settings. Raises CommandError if one is bad, or if there is no ledger."""
    import importlib

    from llm_relay.program.settings.program_settings import SettingsError

    # Imported by name: llm_relay must not depend on a program.
    try:
        settings = importlib.import_module("server_b.settings").ServerBSettings.read()
    except SettingsError as error:
        raise CommandError(str(error), exit_codes.USAGE) from error
    if not settings.has_ledger:
        raise CommandError("LEDGER is off, so there is no ledger to copy", exit_codes.FAILED)
    return settings


def _run(work: Any) -> Any:
    """Runs `work` and returns its result. Raises CommandError if the ledger cannot be copied."""
    import logging

    from llm_relay.errors import RelayError

    # It warns that calls are refused. This command reports the cause itself.
    logging.getLogger("server_b.ledger.postgres").addHandler(logging.NullHandler())
    try:
        return work()
    except RelayError as error:
        raise CommandError(error.operator_detail or str(error), exit_codes.FAILED) from error
    except ValueError as error:
        raise CommandError(str(error), exit_codes.FAILED) from error
