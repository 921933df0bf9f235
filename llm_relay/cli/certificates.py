"""`relay certificates`: makes an authority and certificates for both ends, for tests and trusted networks."""

from __future__ import annotations

import argparse
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from llm_relay.addresses import ip_version
from llm_relay.cli.command_error import CommandError
from llm_relay.cli.number_types import whole

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the subcommand."""
    parser = commands.add_parser(
        "certificates",
        parents=[common],
        help="make certificates for a trial or a private network",
        description="Makes an authority and certificates for both ends, and prints the lines for .env. If you run it"
        " again, it renews the certificates, and running programs load them.",
    )
    parser.add_argument("folder", type=Path, help="folder for the files, created if it is missing")
    parser.add_argument(
        "--host",
        nargs="+",
        action="extend",
        type=_host,
        default=[],
        help="names and addresses of the servers, besides localhost",
    )
    parser.add_argument(
        "--days", type=whole(1, 3650), default=30, help="days that the certificates are valid, 1 to 3650 (default: 30)"
    )
    parser.set_defaults(run=run)


def _host(text: str) -> str:
    """Reads a name or an address that a certificate is for."""
    if ip_version(text) is None and not re.fullmatch(r"(\*\.)?[A-Za-z0-9_.-]+", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not the name or the address of a host: write it alone, such as b.example.com"
        )
    return text


def run(arguments: argparse.Namespace) -> int:
    """Makes the certificates and prints the lines for .env. Returns the exit code."""
    from llm_relay.tls.authority import make_certificates

    try:
        lines = make_certificates(arguments.folder, arguments.host, timedelta(days=arguments.days))
    except OSError as error:
        raise CommandError(f"certificates: cannot write to {arguments.folder}: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(f"certificates: {error}") from error
    sys.stdout.write(lines)
    return 0
