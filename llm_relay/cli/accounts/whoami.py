"""`relay whoami`: the caller's name at Server B, its rights, and what is left of its budgets."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from llm_relay.cli.accounts import budgets, callers
from llm_relay.cli.accounts.client import ask
from llm_relay.cli.output import Output, add_formats

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands
    from llm_relay.client.account_client import AccountClient


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the subcommand."""
    parser = commands.add_parser(
        "whoami",
        parents=[common],
        help="show your name and rights at Server B, and what is left of your budgets",
        description="Shows your name at Server B, what you may do, and what is left of each budget.",
    )
    parser.set_defaults(run=_run)
    add_formats(parser)


def _run(arguments: argparse.Namespace) -> int:
    async def show(client: AccountClient) -> None:
        from llm_relay.documents.accounts import caller_document, identity_document

        identity = await client.who_am_i()
        document = identity_document(identity)
        if getattr(arguments, "format", ""):
            Output(arguments, []).write([dict(document)])
            return
        rights = "an admin" if identity.is_admin else "not an admin"
        behind = f" (account {document['account']})" if document["account"] != document["name"] else ""
        sys.stdout.write(f"You are {document['name']}{behind}, {rights}.\n")
        Output(arguments, callers.COLUMNS[3:5]).write([caller_document(identity.account)])
        if identity.budgets:
            sys.stdout.write("\n")
            Output(arguments, budgets.COLUMNS).write(dict(one) for one in document["budgets"])

    return ask(show)
