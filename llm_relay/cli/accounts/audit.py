"""`relay audit`: who changed what."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from llm_relay.cli.accounts.client import ask
from llm_relay.cli.number_types import whole
from llm_relay.cli.output import Column, Output, add_formats, text_of, time_of

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands
    from llm_relay.client.account_client import AccountClient


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the subcommand."""
    parser = commands.add_parser(
        "audit", parents=[common], help="list who changed what", description="Lists who changed what, newest first."
    )
    parser.add_argument(
        "--limit", type=whole(1, 1000), default=100, metavar="N", help="entries to list, 1 to 1000 (default: 100)"
    )
    parser.set_defaults(run=_run)
    add_formats(parser)


def _run(arguments: argparse.Namespace) -> int:
    async def show(client: AccountClient) -> None:
        from llm_relay.documents.accounts import audit_document

        entries = await client.audit(limit=arguments.limit)
        Output(arguments, AUDIT, ["id"]).write(audit_document(entry) for entry in entries)

    return ask(show)


AUDIT = [
    Column("AT (UTC)", time_of("at")),
    Column("BY", text_of("by")),
    Column("ACTION", text_of("action")),
    Column("SUBJECT", text_of("subject")),
    Column("DETAIL", text_of("detail")),
]
