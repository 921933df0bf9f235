"""`relay tokens`: creates, rotates and revokes bearer tokens without a restart."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from llm_relay.cli.accounts import argument_types
from llm_relay.cli.accounts.client import ask
from llm_relay.cli.accounts.subcommands import add_group, add_to_group
from llm_relay.cli.output import Column, Output, Row, text_of, time_of

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands
    from llm_relay.client.account_client import AccountClient
    from llm_relay.messages.accounts import NewToken


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the command and its subcommands."""
    parser, inner = add_group(
        commands,
        common,
        "tokens",
        help_="create, rotate, revoke and list bearer tokens",
        description="Lists tokens, without their secrets. As soon as one is valid, calls without a token are refused.",
    )
    parser.set_defaults(run=_list, caller="")
    create = add_to_group(inner, common, "create", "create a token, and print its secret, which is shown only once")
    create.add_argument("caller", metavar="NAME", help="the token's caller, created if it does not exist")
    create.add_argument(
        "--admin", action="store_true", help="make the caller an admin; the first token must be an admin's"
    )
    create.add_argument("--label", metavar="TEXT", default="", help="a label for the token")
    create.add_argument(
        "--expires",
        type=argument_types.future,
        metavar="TIME",
        help="when the token expires, such as 2027-01-01 or 90d (default: never)",
    )
    create.set_defaults(run=_create)
    rotate = add_to_group(inner, common, "rotate", "create a token that replaces another, and print its secret")
    rotate.add_argument("id", metavar="ID", help="the old token's id, as `relay tokens` shows it")
    rotate.add_argument(
        "--overlap",
        type=argument_types.span,
        default=86_400.0,
        metavar="SPAN",
        help="how long the old token stays valid beside the new one (default: 24h)",
    )
    rotate.set_defaults(run=_rotate)
    revoke = add_to_group(inner, common, "revoke", "revoke a token, on every server within a second")
    revoke.add_argument("id", metavar="ID", help="the token's id, as `relay tokens` shows it")
    revoke.set_defaults(run=_revoke)
    listed = add_to_group(inner, common, "list", "list tokens, without their secrets")
    listed.add_argument("--caller", metavar="NAME", default="", help="only tokens of this caller")
    listed.set_defaults(run=_list)


def _list(arguments: argparse.Namespace) -> int:
    async def show(client: AccountClient) -> None:
        from llm_relay.documents.accounts import token_document

        Output(arguments, COLUMNS, ["id"]).write(token_document(one) for one in await client.tokens(arguments.caller))

    return ask(show)


def _create(arguments: argparse.Namespace) -> int:
    async def create(client: AccountClient) -> None:
        expires_at = argument_types.in_zone(arguments.expires)
        _write_new(
            arguments,
            await client.create_token(
                arguments.caller, label=arguments.label, expires_at=expires_at, is_admin=arguments.admin
            ),
        )

    return ask(create)


def _rotate(arguments: argparse.Namespace) -> int:
    async def rotate(client: AccountClient) -> None:
        _write_new(arguments, await client.rotate_token(arguments.id, overlap_s=arguments.overlap))

    return ask(rotate)


def _revoke(arguments: argparse.Namespace) -> int:
    async def revoke(client: AccountClient) -> None:
        from llm_relay.documents.accounts import token_document

        Output(arguments, COLUMNS).write([token_document(await client.revoke_token(arguments.id))])

    return ask(revoke)


def _write_new(arguments: argparse.Namespace, made: NewToken) -> None:
    """Writes the new token. Without --json or --csv, stdout gets only the secret, so that a shell can capture it."""
    from llm_relay.documents.accounts import token_document

    if getattr(arguments, "format", ""):
        Output(arguments, COLUMNS).write([{**token_document(made.info), "secret": made.secret}])
        return
    sys.stderr.write(
        f"token {made.info.id} of {made.info.caller}: save it now, it is not shown again. Callers send it as"
        " `authorization: Bearer`; the relay's programs take it as RELAY_TOKEN:\n"
    )
    sys.stdout.write(f"{made.secret}\n")


def _state(row: Row) -> str:
    from datetime import UTC, datetime

    if row["revoked_at"]:
        return "revoked"
    is_over = row["expires_at"] and datetime.fromisoformat(row["expires_at"]) <= datetime.now(UTC)
    return "expired" if is_over else "valid"


COLUMNS = [
    Column("ID", text_of("id")),
    Column("CALLER", text_of("caller")),
    Column("LABEL", text_of("label")),
    Column("STATE", _state),
    Column("CREATED (UTC)", time_of("created_at")),
    Column("EXPIRES (UTC)", lambda row: time_of("expires_at")(row) or "never"),
]
