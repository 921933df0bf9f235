"""`relay adjust`: corrects what a call cost."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from llm_relay.cli.accounts import argument_types
from llm_relay.cli.accounts.calls import LISTED
from llm_relay.cli.accounts.client import ask
from llm_relay.cli.output import Output, add_formats

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands
    from llm_relay.client.account_client import AccountClient


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the subcommand."""
    parser = commands.add_parser(
        "adjust",
        parents=[common],
        help="correct what a call cost",
        description="Adds an amount to a call's cost, and to its budgets. Write a negative amount as --amount=-0.10."
        " If the cost is unknown, such as a lost call's, the amount is the cost, and replaces what was charged.",
    )
    parser.add_argument("id", metavar="CALL_ID", help="the call's id, as `relay calls` shows it")
    parser.add_argument("--amount", type=argument_types.usd, metavar="USD", required=True, help="the amount to add")
    parser.add_argument("--reason", metavar="TEXT", required=True, help="the reason, for the audit log")
    parser.set_defaults(run=_run)
    add_formats(parser)


def _run(arguments: argparse.Namespace) -> int:
    async def adjust(client: AccountClient) -> None:
        from llm_relay.documents.accounts import call_document
        from llm_relay.messages.accounts import Adjustment

        adjustment = Adjustment(call_id=arguments.id, nano_usd=arguments.amount, reason=arguments.reason)
        Output(arguments, LISTED).write([dict(call_document(await client.adjust(adjustment)))])

    return ask(adjust)
