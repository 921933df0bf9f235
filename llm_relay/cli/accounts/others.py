"""`relay whoami`, `relay adjust` and `relay audit`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from llm_relay.cli.accounts import budgets, callers, values
from llm_relay.cli.accounts.asking import ask
from llm_relay.cli.accounts.calls import LISTED
from llm_relay.cli.accounts.output import Column, Output, add_formats, text_of, time_of

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands
    from llm_relay.client.account_client import AccountClient


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the subcommands."""
    whoami = commands.add_parser(
        "whoami",
        parents=[common],
        help="tell who you are to Server B, and what is left of your budgets",
        description="Tells who you are to Server B, what you may do, and what is left of each budget.",
    )
    whoami.set_defaults(run=_whoami)
    adjust = commands.add_parser(
        "adjust",
        parents=[common],
        help="correct what a call cost",
        description="Adds an amount to what a call cost, and to its budgets. It may be negative, as --amount=-0.10.",
    )
    adjust.add_argument("id", metavar="CALL_ID", help="as `relay calls` shows it")
    adjust.add_argument("--amount", type=values.usd, metavar="USD", required=True, help="what is added")
    adjust.add_argument("--reason", metavar="TEXT", required=True, help="why, for the log of changes")
    adjust.set_defaults(run=_adjust)
    audit = commands.add_parser(
        "audit", parents=[common], help="list who changed what", description="Lists who changed what, newest first."
    )
    audit.add_argument("--limit", type=int, default=100, metavar="N", help="how many, 1 to 1000 (default: 100)")
    audit.set_defaults(run=_audit)
    for parser in (whoami, adjust, audit):
        add_formats(parser)


def _whoami(arguments: argparse.Namespace) -> int:
    async def show(client: AccountClient) -> None:
        from llm_relay.documents.accounts import caller_document, identity_document

        identity = await client.who_am_i()
        document = identity_document(identity)
        if getattr(arguments, "format", ""):
            Output(arguments, []).write([dict(document)])
            return
        rights = "an admin" if identity.is_admin else "no admin"
        behind = f" (account {document['account']})" if document["account"] != document["name"] else ""
        sys.stdout.write(f"You are {document['name']}{behind}, {rights}.\n")
        Output(arguments, callers.COLUMNS[3:5]).write([caller_document(identity.account)])
        if identity.budgets:
            sys.stdout.write("\n")
            Output(arguments, budgets.COLUMNS).write(dict(one) for one in document["budgets"])

    return ask(show)


def _adjust(arguments: argparse.Namespace) -> int:
    async def adjust(client: AccountClient) -> None:
        from llm_relay.documents.accounts import call_document
        from llm_relay.messages.accounts import Adjustment

        adjustment = Adjustment(call_id=arguments.id, nano_usd=arguments.amount, reason=arguments.reason)
        Output(arguments, LISTED).write([dict(call_document(await client.adjust(adjustment)))])

    return ask(adjust)


def _audit(arguments: argparse.Namespace) -> int:
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
