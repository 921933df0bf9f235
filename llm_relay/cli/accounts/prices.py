"""`relay prices`: the ledger's prices of models, which win over PRICES and the price list."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from llm_relay.cli import exit_codes
from llm_relay.cli.accounts import argument_types
from llm_relay.cli.accounts.calls import add_filters
from llm_relay.cli.accounts.client import ask, warn
from llm_relay.cli.accounts.subcommands import add_group, add_to_group
from llm_relay.cli.command_error import CommandError
from llm_relay.cli.output import Column, Output, dollars, dollars_of, text_of, time_of

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands
    from llm_relay.client.account_client import AccountClient
    from llm_relay.messages.accounts import Price

RATES = ("input", "output", "cache_read", "cache_write")


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the command and its subcommands."""
    parser, inner = add_group(
        commands,
        common,
        "prices",
        help_="list and set prices, show what a model costs, price earlier calls",
        description="Lists the prices of the ledger, the newest first. They win over PRICES and the price list.",
    )
    parser.set_defaults(run=_list)
    add_to_group(inner, common, "list", "list the prices of the ledger").set_defaults(run=_list)
    put = add_to_group(inner, common, "put", "set the price of models, in USD per million tokens; 0 means free")
    put.add_argument("pattern", metavar="PATTERN", help="provider/model with * and ?, such as 'openai/my-*'")
    for name, is_required in zip(RATES, (True, True, False, False), strict=True):
        default = "" if is_required else " (default: the input price)"
        put.add_argument(
            f"--{name.replace('_', '-')}",
            type=argument_types.usd,
            metavar="USD",
            required=is_required,
            help=f"price of {name.replace('_', ' ')} tokens{default}",
        )
    put.add_argument(
        "--from",
        dest="valid_from",
        type=argument_types.future,
        metavar="TIME",
        help="when the price begins to apply (default: always)",
    )
    put.add_argument(
        "--until", type=argument_types.future, metavar="TIME", help="when the price no longer applies (default: never)"
    )
    put.add_argument("--id", metavar="ID", default="", help="replace the price with this id")
    put.set_defaults(run=_put)
    deleted = add_to_group(inner, common, "delete", "remove a price")
    deleted.add_argument("id", metavar="ID", help="the price's id, as `relay prices` shows it")
    deleted.set_defaults(run=_delete)
    tested = add_to_group(inner, common, "test", "show what a model costs, and where that price comes from")
    tested.add_argument(
        "model", metavar="MODEL", help="the name that callers use; with provider/ in front, only at that provider"
    )
    tested.set_defaults(run=_test)
    unknown = add_to_group(inner, common, "apply-unknown", "price calls of unknown cost, at current prices")
    add_filters(unknown)
    unknown.set_defaults(run=_apply_unknown)


def _list(arguments: argparse.Namespace) -> int:
    async def show(client: AccountClient) -> None:
        _write(arguments, await client.prices())

    return ask(show)


def _put(arguments: argparse.Namespace) -> int:
    from llm_relay.messages.accounts import Price

    price = Price(
        id=arguments.id,
        pattern=arguments.pattern,
        **{name: getattr(arguments, name) for name in RATES},
        valid_from=argument_types.in_zone(arguments.valid_from),
        valid_until=argument_types.in_zone(arguments.until),
    )

    async def put(client: AccountClient) -> None:
        _write(arguments, [await client.put_price(price, warn=warn)])

    return ask(put)


def _delete(arguments: argparse.Namespace) -> int:
    async def delete(client: AccountClient) -> None:
        await client.delete_price(arguments.id)
        sys.stderr.write(f"price {arguments.id} is deleted\n")

    return ask(delete)


def _test(arguments: argparse.Namespace) -> int:
    is_known = True

    async def test(client: AccountClient) -> None:
        nonlocal is_known
        from llm_relay.documents.accounts import price_found_document

        found = await client.test_price(arguments.model)
        is_known = any(one.price for one in found)
        Output(arguments, TESTED).write(price_found_document(one) for one in found)

    ask(test)
    if not is_known:
        raise CommandError(
            f"no price is known for {arguments.model}: set one with `relay prices put` or PRICES", exit_codes.FAILED
        )
    return exit_codes.OK


def _apply_unknown(arguments: argparse.Namespace) -> int:
    async def apply(client: AccountClient) -> None:
        import dataclasses

        from llm_relay.messages.accounts import CallQuery

        query = CallQuery(
            caller=arguments.caller,
            model=arguments.model,
            provider=arguments.provider,
            since=argument_types.in_zone(arguments.since),
            until=argument_types.in_zone(arguments.until),
        )
        repricing = await client.price_unknown_calls(query)
        Output(arguments, APPLIED).write([dataclasses.asdict(repricing)])

    return ask(apply)


def _write(arguments: argparse.Namespace, prices: Iterable[Price]) -> None:
    from llm_relay.documents.accounts import price_document

    Output(arguments, COLUMNS, ["id"]).write(price_document(price) for price in prices)


_RATE_COLUMNS = [
    Column("INPUT", dollars_of("input"), is_number=True),
    Column("OUTPUT", dollars_of("output"), is_number=True),
    *(
        Column(
            name.upper().replace("_", " "),
            lambda row, name=name: dollars(row["input"] if row[name] is None else row[name]),  # type: ignore[misc]
            is_number=True,
        )
        for name in RATES[2:]
    ),
]
COLUMNS = [
    Column("MODELS", text_of("pattern")),
    *_RATE_COLUMNS,
    Column("FROM (UTC)", lambda row: time_of("valid_from")(row) or "always"),
    Column("UNTIL (UTC)", lambda row: time_of("valid_until")(row) or "always"),
    Column("ID", text_of("id")),
]
"""In USD per million tokens."""
TESTED = [
    Column("PROVIDER", text_of("provider")),
    Column("MODEL", text_of("model")),
    *_RATE_COLUMNS,
    Column("FROM", lambda row: row["price_source"] or "no price is known"),
]
APPLIED = [
    Column("PRICED", text_of("priced"), is_number=True),
    Column("COST", dollars_of("nano_usd"), is_number=True),
    Column("STILL UNKNOWN", text_of("unknown"), is_number=True),
]
