"""`relay calls`: lists the calls in the ledger, or follows them."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from llm_relay.cli import exit_codes
from llm_relay.cli.accounts import argument_types
from llm_relay.cli.accounts.client import ask
from llm_relay.cli.accounts.usage import SAME
from llm_relay.cli.command_error import CommandError
from llm_relay.cli.number_types import whole
from llm_relay.cli.output import Column, Output, Row, add_formats, count_of, dollars, text_of, time_of
from llm_relay.program.colours import Colour

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands
    from llm_relay.client.account_client import AccountClient
    from llm_relay.messages.accounts import CallEntry, CallQuery

MOST_IN_A_PAGE = 1000
RECONNECT_S = 1.0
_AWAY = "Server B is stopping or cannot be reached ({}): waiting for it"
_INTERRUPTIONS = {
    "DRAINING": _AWAY,
    "SERVER_B_UNAVAILABLE": _AWAY,
    "LEDGER_UNAVAILABLE": "the ledger cannot be read ({}): waiting for it",
    "OVERLOADED": "calls begin and end faster than this command can show them ({}): watching again",
}
"""Reasons for which watching ends and then begins again, and what to tell people."""
STATES = ("open", "settled", "lost", "refused")
_STATE_COLOURS = {"open": Colour.CYAN, "lost": Colour.RED, "refused": Colour.YELLOW}
_SAME_MEMBERS = ("model", "provider", "protocol", "outcome", "request_id")


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the subcommand."""
    parser = commands.add_parser(
        "calls",
        parents=[common],
        help="list calls, newest first, or follow them as they begin and end",
        description="Lists calls, newest first. Callers see their own, admins see all.",
    )
    parser.add_argument("--limit", type=whole(1), default=50, metavar="N", help="maximum number of calls (default: 50)")
    parser.add_argument("--follow", action="store_true", help="show calls as they begin and end, until Ctrl-C")
    add_filters(parser)
    parser.add_argument("--protocol", metavar="PROTOCOL", default="", help="only calls over grpc, http, openai or mcp")
    parser.add_argument("--state", choices=STATES, help="only calls in this state")
    parser.add_argument("--outcome", metavar="OUTCOME", default="", help="only calls with this finish reason or error")
    parser.add_argument("--tag", metavar="KEY[=VALUE]", default="", help="only calls with this tag")
    parser.add_argument("--request-id", metavar="ID", default="", help="only calls with this request_id")
    parser.add_argument("--id", metavar="ID", default="", help="only the call with this ledger id")
    parser.add_argument("--unknown", action="store_true", help="only calls that ended without a known cost")
    add_formats(parser)
    parser.set_defaults(run=run)


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Adds the options that choose calls."""
    parser.add_argument("--caller", metavar="CALLER", default="", help="only calls of this caller")
    parser.add_argument("--model", metavar="MODEL", default="", help="only calls of this model")
    parser.add_argument("--provider", metavar="PROVIDER", default="", help="only calls of this provider")
    parser.add_argument(
        "--since", type=argument_types.past, metavar="TIME", help="only calls that began at this time or later"
    )
    parser.add_argument(
        "--until", type=argument_types.past, metavar="TIME", help="only calls that began before this time"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the calls; returns the exit code."""
    if arguments.follow and (arguments.since or arguments.until):
        raise CommandError("--follow: shows only calls from now on; remove --since and --until", exit_codes.USAGE)

    async def show(client: AccountClient) -> None:
        output = Output(arguments, FOLLOWED if arguments.follow else LISTED, _names())
        query = _query(arguments)
        if arguments.follow:
            await _follow(client, query, output)
        else:
            output.write(await _listed(client, query, arguments.limit))

    return ask(show)


def _query(arguments: argparse.Namespace) -> CallQuery:
    from llm_relay.messages.accounts import CallQuery, CallState

    return CallQuery(
        limit=min(arguments.limit, MOST_IN_A_PAGE),
        call_id=arguments.id,
        request_id=arguments.request_id,
        caller=arguments.caller,
        model=arguments.model,
        provider=arguments.provider,
        protocol=SAME.get(arguments.protocol, arguments.protocol),
        state=CallState(arguments.state) if arguments.state else None,
        outcome=arguments.outcome,
        tag=arguments.tag,
        is_cost_unknown=arguments.unknown,
        since=argument_types.in_zone(arguments.since),
        until=argument_types.in_zone(arguments.until),
    )


async def _listed(client: AccountClient, query: CallQuery, limit: int) -> list[Row]:
    import dataclasses

    from llm_relay.documents.accounts import call_document

    rows: list[Row] = []
    while True:
        page = await client.calls(query)
        rows += (dict(call_document(call)) for call in page.calls)
        if len(rows) >= limit or not page.next_page_token:
            return rows[:limit]
        query = dataclasses.replace(
            query, page_token=page.next_page_token, limit=min(limit - len(rows), MOST_IN_A_PAGE)
        )


async def _follow(client: AccountClient, query: CallQuery, output: Output) -> None:
    """Shows calls until Ctrl-C. Once it has watched, it watches again after an interruption."""
    import asyncio

    from llm_relay.errors import RelayError

    has_begun = is_interrupted = False

    def begun() -> None:
        nonlocal has_begun, is_interrupted
        has_begun, is_interrupted = True, False

    while True:
        try:
            return await _follow_one_server(client, query, output, begun)
        except RelayError as error:
            if not has_begun or error.reason not in _INTERRUPTIONS:
                raise
            if not is_interrupted:
                why = _INTERRUPTIONS[error.reason].format(error.reason)
                sys.stderr.write(f"relay: {why}; calls that end in the meantime are not shown\n")
            is_interrupted = True
            await asyncio.sleep(RECONNECT_S)


async def _follow_one_server(
    client: AccountClient, query: CallQuery, output: Output, begun: Callable[[], None]
) -> None:
    from llm_relay.documents.accounts import call_document

    async with contextlib.aclosing(client.watch(query.caller)) as activity:
        async for one in activity:
            begun()
            if one.call is not None and _matches(one.call, query):
                output.add(dict(call_document(one.call)))


def _matches(call: CallEntry, query: CallQuery) -> bool:
    key, equals, value = query.tag.partition("=")
    is_unknown = call.nano_usd is None and call.state.value in ("settled", "lost")
    return (
        all(getattr(query, name) in ("", getattr(call, name)) for name in _SAME_MEMBERS)
        and query.call_id in ("", call.id)
        and query.state in (None, call.state)
        and (not key or (key in call.tags and (not equals or call.tags[key] == value)))
        and (is_unknown or not query.is_cost_unknown)
    )


def _names() -> list[str]:
    from llm_relay.documents.accounts import CallDocument

    return list(CallDocument.__annotations__)


def _cost(row: Row) -> str:
    if row["state"] == "open":
        return f"≤{dollars(row['reserved_nano_usd'])}" if row["reserved_nano_usd"] is not None else "?"
    return dollars(row["nano_usd"])


def _model(row: Row) -> str:
    return f"{row['provider']}/{row['model']}" if row["provider"] else str(row["model"])


def _duration(row: Row) -> str:
    return "" if row["duration_s"] is None else f"{row['duration_s']:.2f} s"


def _cost_colour(row: Row) -> Colour | None:
    return Colour.MAGENTA if row["nano_usd"] is None and row["state"] in ("settled", "lost") else None


def _state_colour(row: Row) -> Colour | None:
    return _STATE_COLOURS.get(row["state"])


def _outcome_colour(row: Row) -> Colour | None:
    return Colour.RED if str(row["outcome"] or "").isupper() else None  # an error's reason


LISTED = [
    Column("STARTED (UTC)", time_of("started_at")),
    Column("CALLER", text_of("caller")),
    Column("MODEL", _model),
    Column("STATE", text_of("state"), colour=_state_colour),
    Column("OUTCOME", text_of("outcome"), colour=_outcome_colour),
    Column("TOKENS IN", count_of("input_tokens"), is_number=True),
    Column("TOKENS OUT", count_of("output_tokens"), is_number=True),
    Column("COST", _cost, is_number=True, colour=_cost_colour),
    Column("TIME", _duration, is_number=True),
    Column("ID", text_of("id")),
]
FOLLOWED = [
    Column("", lambda row: time_of("ended_at")(row) or time_of("started_at")(row)),
    Column("", lambda row: str(row["state"]).ljust(7), colour=_state_colour),
    Column("", text_of("caller")),
    Column("", _model),
    Column("", lambda row: row["outcome"] or "begun", colour=_outcome_colour),
    Column("", lambda row: "" if row["state"] == "open" else f"{count_of('input_tokens')(row)} tokens in"),
    Column("", lambda row: "" if row["state"] == "open" else f"{count_of('output_tokens')(row)} out"),
    Column("", _cost, colour=_cost_colour),
    Column("", _duration),
]
