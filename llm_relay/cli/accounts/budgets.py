"""`relay budgets`: how much may be spent, and how much has been spent."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from llm_relay.cli import exit_codes
from llm_relay.cli.accounts import argument_types
from llm_relay.cli.accounts.client import ask
from llm_relay.cli.accounts.subcommands import add_group, add_to_group
from llm_relay.cli.command_error import CommandError
from llm_relay.cli.output import Column, Output, Row, dollars, dollars_of, text_of, time_of
from llm_relay.program.colours import Colour

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands
    from llm_relay.client.account_client import AccountClient
    from llm_relay.messages.accounts import Budget

PERIODS = ("day", "week", "month", "total")
NEARLY_SPENT = 5
"""A budget is nearly spent when what is left, times this, is less than its limit."""


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the command and its subcommands."""
    parser, inner = add_group(
        commands,
        common,
        "budgets",
        help_="list, set, raise and delete budgets",
        description="Lists budgets and what has been spent. Callers see their own, admins see all.",
    )
    parser.set_defaults(run=_list, caller="")
    listed = add_to_group(inner, common, "list", "list budgets and what has been spent")
    listed.add_argument("--caller", metavar="NAME", default="", help="only budgets that apply to this caller")
    listed.set_defaults(run=_list)
    put = add_to_group(inner, common, "put", "create a budget, or change the one with the same scope and period")
    scope = put.add_mutually_exclusive_group(required=True)
    scope.add_argument(
        "--caller", metavar="NAME", default="", help="count the calls of this caller and the callers below it"
    )
    scope.add_argument("--tag", metavar="KEY=VALUE", default="", help="count the calls with this tag")
    put.add_argument("--amount", type=argument_types.usd, metavar="USD", required=True, help="the limit, such as 12.50")
    put.add_argument("--period", choices=PERIODS, required=True)
    put.add_argument("--time-zone", metavar="ZONE", default="", help="an IANA name (default: LEDGER_TIME_ZONE)")
    put.add_argument(
        "--warning-only",
        action="store_true",
        help="send alerts, but refuse no calls; without it, calls beyond the limit are refused",
    )
    put.add_argument("--id", metavar="ID", default="", help="change the budget with this id")
    put.set_defaults(run=_put)
    raised = add_to_group(inner, common, "raise", "add to a budget's limit for a time")
    raised.add_argument("id", metavar="ID", help="the budget's id, as `relay budgets` shows it")
    raised.add_argument(
        "--amount", type=argument_types.usd, metavar="USD", required=True, help="the amount to add; 0 ends the raise"
    )
    raised.add_argument(
        "--until",
        type=argument_types.future,
        metavar="TIME",
        help="when the raise ends, such as 2026-12-01 or 3d (default: with the budget's current period)",
    )
    raised.set_defaults(run=_raise)
    deleted = add_to_group(inner, common, "delete", "end a budget")
    deleted.add_argument("id", metavar="ID", help="the budget's id, as `relay budgets` shows it")
    deleted.set_defaults(run=_delete)


def _list(arguments: argparse.Namespace) -> int:
    async def show(client: AccountClient) -> None:
        _write(arguments, await client.budgets(arguments.caller))

    return ask(show)


def _put(arguments: argparse.Namespace) -> int:
    from llm_relay.messages.accounts import Budget, Period

    if arguments.amount < 0:
        raise CommandError("--amount: must be 0 or more", exit_codes.USAGE)
    budget = Budget(
        id=arguments.id,
        caller=arguments.caller,
        tag=arguments.tag,
        period=Period(arguments.period),
        time_zone=arguments.time_zone,
        limit_nano_usd=arguments.amount,
        is_warning_only=arguments.warning_only,
    )

    async def put(client: AccountClient) -> None:
        _write(arguments, [await client.put_budget(budget)])

    return ask(put)


def _raise(arguments: argparse.Namespace) -> int:
    async def put(client: AccountClient) -> None:
        until = argument_types.in_zone(arguments.until)
        _write(arguments, [await client.raise_budget(arguments.id, arguments.amount, until=until)])

    return ask(put)


def _delete(arguments: argparse.Namespace) -> int:
    async def delete(client: AccountClient) -> None:
        await client.delete_budget(arguments.id)
        sys.stderr.write(f"budget {arguments.id} is deleted\n")

    return ask(delete)


def _write(arguments: argparse.Namespace, budgets: Iterable[Budget]) -> None:
    from llm_relay.documents.accounts import BudgetDocument, budget_document

    names = list(BudgetDocument.__annotations__)
    rows = [dict(budget_document(budget)) for budget in budgets]
    if getattr(arguments, "format", "") == "csv":
        rows = [{name: row.get(name) for name in names} for row in rows]
    Output(arguments, COLUMNS, names).write(rows)


def _limit(row: Row) -> str:
    raised = f" +{dollars(row['raised_by_nano_usd'])}" if row["raised_by_nano_usd"] else ""
    return f"{dollars(row['limit_nano_usd'])}{raised}{' (warning only)' if row['is_warning_only'] else ''}"


def _left_colour(row: Row) -> Colour | None:
    left, limit = row["remaining_nano_usd"], row["limit_nano_usd"]
    if left <= 0:
        return Colour.RED
    return Colour.YELLOW if left * NEARLY_SPENT < limit else None


COLUMNS = [
    Column("SCOPE", lambda row: row.get("caller") or f"tag {row['tag']}"),
    Column("PERIOD", text_of("period")),
    Column("LIMIT", _limit, is_number=True),
    Column("SPENT", dollars_of("spent_nano_usd"), is_number=True),
    Column("RESERVED", dollars_of("reserved_nano_usd"), is_number=True),
    Column("LEFT", dollars_of("remaining_nano_usd"), is_number=True, colour=_left_colour),
    Column("RESETS (UTC)", lambda row: time_of("resets_at")(row) or "never"),
    Column("ID", text_of("id")),
]
