"""`relay callers`: who may call, how much, and which models."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from llm_relay.cli.accounts import argument_types
from llm_relay.cli.accounts.client import ask, warn
from llm_relay.cli.accounts.subcommands import add_group, add_to_group
from llm_relay.cli.output import Column, Output, Row, text_of

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands
    from llm_relay.client.account_client import AccountClient
    from llm_relay.messages.accounts import CallerAccount

RATES = ("calls_per_minute", "tokens_per_minute", "concurrent_calls")


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the command and its subcommands."""
    parser, inner = add_group(
        commands,
        common,
        "callers",
        help_="list, create and change callers: their rights, rates and models",
        description="Lists the callers in the ledger. A caller from RELAY_TOKENS appears after `relay callers put`.",
    )
    parser.set_defaults(run=_list)
    add_to_group(inner, common, "list", "list callers").set_defaults(run=_list)
    put = add_to_group(inner, common, "put", "create a caller, or change the fields that the options name")
    put.add_argument("name", metavar="NAME", help="the caller's name, which budgets and limits apply to")
    put.add_argument(
        "--parent", metavar="NAME", help="a caller, such as a team, whose budgets also count these calls; '': none"
    )
    put.add_argument("--admin", action=argparse.BooleanOptionalAction, help="may see and change other callers' data")
    put.add_argument("--disabled", action=argparse.BooleanOptionalAction, help="refuse its tokens")
    put.add_argument(
        "--models",
        metavar="LIST",
        help="the models that it may use: provider/model with * and ?, comma-separated; '': all",
    )
    for name, what in zip(RATES, ("calls per minute", "tokens per minute", "calls at once"), strict=True):
        option = f"--{name.replace('_', '-')}"
        put.add_argument(
            option, type=argument_types.limit, metavar="N", default=..., help=f"maximum {what}; none: no limit"
        )
    put.add_argument(
        "--tag",
        dest="tags",
        type=argument_types.tag,
        metavar="KEY=VALUE",
        action="append",
        help="tag to add to each of its calls; replaces its earlier tags; may be repeated",
    )
    put.add_argument("--no-tags", dest="tags", action="store_const", const=[], help="stop adding tags to its calls")
    put.set_defaults(run=_put)
    for name, help_ in (("disable", "refuse a caller's tokens at once"), ("enable", "accept a caller's tokens again")):
        command = add_to_group(inner, common, name, help_)
        command.add_argument("name", metavar="NAME")
        command.set_defaults(run=_put, disabled=name == "disable")


def _list(arguments: argparse.Namespace) -> int:
    async def show(client: AccountClient) -> None:
        _write(arguments, await client.callers())

    return ask(show)


def _put(arguments: argparse.Namespace) -> int:
    async def put(client: AccountClient) -> None:
        caller, fields = _given(arguments)
        _write(arguments, [await client.put_caller(caller, fields=fields, warn=warn)])

    return ask(put)


def _given(arguments: argparse.Namespace) -> tuple[CallerAccount, list[str]]:
    """Returns a caller with what the options name, and the fields that they name."""
    from llm_relay.messages.accounts import CallerAccount, RateLimits

    models, tags = getattr(arguments, "models", None), getattr(arguments, "tags", None)
    given: dict[str, Any] = {
        "parent": getattr(arguments, "parent", None),
        "is_admin": getattr(arguments, "admin", None),
        "is_disabled": arguments.disabled,
        "models": None if models is None else tuple(filter(None, models.split(","))),
        "tags": None if tags is None else dict(tags),
    }
    rates = {name: value for name in RATES if (value := getattr(arguments, name, ...)) is not ...}
    changes = {name: value for name, value in given.items() if value is not None}
    caller = CallerAccount(name=arguments.name, **changes, rates=RateLimits(**rates))
    return caller, [*changes, *(f"rates.{name}" for name in rates)]


def _write(arguments: argparse.Namespace, callers: Any) -> None:
    from llm_relay.documents.accounts import caller_document

    Output(arguments, COLUMNS, ["name"]).write(caller_document(caller) for caller in callers)


def _rights(row: Row) -> str:
    return ", ".join(word for word, holds in (("admin", row["is_admin"]), ("disabled", row["is_disabled"])) if holds)


def _rates(row: Row) -> str:
    units = ("calls/min", "tokens/min", "at once")
    return ", ".join(
        f"{row['rates'][name]:,} {unit}" for name, unit in zip(RATES, units, strict=True) if row["rates"][name]
    )


COLUMNS = [
    Column("CALLER", text_of("name")),
    Column("PARENT", text_of("parent")),
    Column("RIGHTS", _rights),
    Column("MODELS", lambda row: " ".join(row["models"]) or "all"),
    Column("RATES", _rates),
    Column("TAGS", lambda row: " ".join(f"{key}={value}" for key, value in row["tags"].items())),
]
