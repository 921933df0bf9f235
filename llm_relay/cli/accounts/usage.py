"""`relay usage`: the total tokens and cost of calls."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from llm_relay.cli import exit_codes
from llm_relay.cli.accounts import argument_types
from llm_relay.cli.accounts.client import ask
from llm_relay.cli.command_error import CommandError
from llm_relay.cli.output import Column, Output, Row, add_formats, count_of, dollars_of, when_counted
from llm_relay.program.colours import Colour

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands
    from llm_relay.client.account_client import AccountClient
    from llm_relay.messages.accounts import UsageQuery

SAME = {"door": "protocol"}
TAG = "tag:"


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the subcommand."""
    parser = commands.add_parser(
        "usage",
        parents=[common],
        help="show what calls have cost, by caller, model, day and more",
        description="Shows what calls have cost. Callers see their own, admins see all.",
    )
    parser.add_argument(
        "--by",
        metavar="LIST",
        default="",
        help="group by these, comma-separated: caller, model, provider, protocol, outcome, day, hour, tag:KEY",
    )
    parser.add_argument(
        "--since",
        type=argument_types.past,
        metavar="TIME",
        help="only calls from this time on, such as 2026-11-01 or 7d (default: the first of this month)",
    )
    parser.add_argument(
        "--until", type=argument_types.past, metavar="TIME", help="only calls before this time (default: now)"
    )
    parser.add_argument(
        "--time-zone", metavar="ZONE", default="UTC", help="time zone of days, hours and times (default: UTC)"
    )
    for name in ("caller", "model", "provider", "protocol"):
        parser.add_argument(f"--{name}", metavar=name.upper(), default="", help=f"only calls of this {name}")
    parser.add_argument("--tag", metavar="KEY=VALUE", default="", help="only calls with this tag")
    add_formats(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the groups; returns the exit code."""
    query = _query(arguments)
    titles = [*(f"{TAG}{query.tag_key}" if one.value == "tag" else one.value for one in query.by)]

    async def show(client: AccountClient) -> None:
        from llm_relay.documents.accounts import UsageGroupDocument, usage_group_document

        rows = [dict(usage_group_document(group, query.tag_key)) for group in await client.usage(query)]
        Output(arguments, _columns(titles, rows), [*titles, *UsageGroupDocument.__annotations__]).write(rows)

    return ask(show)


def _query(arguments: argparse.Namespace) -> UsageQuery:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from llm_relay.documents.accounts import dimensions_from_text
    from llm_relay.messages.accounts import UsageQuery

    try:
        zone = ZoneInfo(arguments.time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CommandError(f"--time-zone: there is no time zone {arguments.time_zone}", exit_codes.USAGE) from error
    try:
        by, tag_key = dimensions_from_text(arguments.by)
    except ValueError as error:
        raise CommandError(f"--by: {error}", exit_codes.USAGE) from error
    return UsageQuery(
        by=by,
        tag_key=tag_key,
        since=argument_types.in_zone(arguments.since, zone),
        until=argument_types.in_zone(arguments.until, zone),
        time_zone=arguments.time_zone,
        caller=arguments.caller,
        model=arguments.model,
        provider=arguments.provider,
        protocol=SAME.get(arguments.protocol, arguments.protocol),
        tag=arguments.tag,
    )


def _columns(titles: Sequence[str], rows: Sequence[Row]) -> list[Column]:
    groups = [Column(title.upper(), lambda row, title=title: row[title] or "-") for title in titles]  # type: ignore[misc]
    columns = [
        *groups,
        Column("CALLS", count_of("calls"), is_number=True),
        Column("FAILED", count_of("failed"), is_number=True, colour=when_counted("failed", Colour.RED)),
        Column("TOKENS IN", count_of("input_tokens"), is_number=True),
        Column("TOKENS OUT", count_of("output_tokens"), is_number=True),
        Column("COST", dollars_of("nano_usd"), is_number=True),
    ]
    if any(row["unknown_cost_calls"] for row in rows):
        unknown = when_counted("unknown_cost_calls", Colour.MAGENTA)
        columns.append(Column("COST UNKNOWN", count_of("unknown_cost_calls"), is_number=True, colour=unknown))
    return columns
