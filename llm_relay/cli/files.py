"""`relay files`: the documents, the contract, the settings and the configurations that come with the relay."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from llm_relay.cli import exit_codes
from llm_relay.cli.command_error import CommandError

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands

PACKAGE = Path(__file__).resolve().parent.parent
INSTALLED = PACKAGE / "files"
NAMES = (
    *("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "SECURITY.md", ".env.example"),
    *("deploy", "docs", "proto", "scripts/README.md", "scripts/benchmark/chart.svg", "scripts/mcp-clients"),
)
"""The files that come with the relay, and folders with all their files, by path in the repository."""


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the subcommand."""
    parser = commands.add_parser(
        "files",
        parents=[common],
        help="show the documents, .proto files, .env.example and configurations that come with the relay",
        description="Lists the files that come with the relay: its documents, .proto files, .env.example, and"
        " configurations for MCP clients, containers, proxies and monitoring. With a name, prints that file.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="the file to print, such as docs/money.md")
    parser.add_argument(
        "--copy", metavar="FOLDER", help="copy the files into FOLDER, which is created; with NAME, only that file"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Lists, prints or copies the files. Returns the exit code."""
    root = _root()
    places = list(_places(root))
    if arguments.name:
        places = [place for place in places if place.relative_to(root).as_posix() == arguments.name]
        if not places:
            raise CommandError(f"there is no file {arguments.name}: `relay files` lists them", exit_codes.USAGE)
    if arguments.copy:
        _copy(places, root, Path(arguments.copy).expanduser())
    elif arguments.name:
        sys.stdout.flush()
        sys.stdout.buffer.write(places[0].read_bytes())
    else:
        sys.stdout.write("".join(f"{place.relative_to(root).as_posix()}\n" for place in places))
    return exit_codes.OK


def _root() -> Path:
    return INSTALLED if INSTALLED.is_dir() else PACKAGE.parent  # a clone has them at its root


def _places(root: Path) -> Iterator[Path]:
    for name in NAMES:
        place = root / name
        yield from sorted(one for one in place.rglob("*") if one.is_file()) if place.is_dir() else [place]


def _copy(places: list[Path], root: Path, folder: Path) -> None:
    targets = {place: folder / place.relative_to(root) for place in places}
    there = [str(target) for target in targets.values() if target.exists()]
    if there:
        raise CommandError(f"--copy: {there[0]} already exists; name an empty or a new folder", exit_codes.USAGE)
    try:
        for place, target in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(place.read_bytes())
    except OSError as error:
        raise CommandError(f"--copy: {error}") from error
    sys.stderr.write(f"copied {len(targets)} files into {folder}\n")
