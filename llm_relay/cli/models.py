"""`relay models`: lists the available models."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands
    from llm_relay.messages import Models


ABILITIES = ("tools", "images", "json_schema", "reasoning")


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the subcommand."""
    parser = commands.add_parser(
        "models",
        parents=[common],
        help="list the available models",
        description="Lists the available models, the default first. On a terminal the list is a table with"
        " what is known of each model: context in tokens, prices in USD per million tokens, abilities. Otherwise it is"
        " one name per line.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--long", action="store_true", help="print the table even if stdout is not a terminal")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the models; returns the exit code."""
    from llm_relay.cli.server_b_client import reported_failures
    from llm_relay.documents import models_document
    from llm_relay.program.event_loop import run_command

    with reported_failures():
        models = run_command(_models())
    if arguments.json:
        sys.stdout.write(json.dumps(models_document(models), ensure_ascii=False) + "\n")
        return 0
    names = [models.default_model, *(name for name in models.models if name != models.default_model)]
    if arguments.long or sys.stdout.isatty():
        _write_table(models, names)
    else:
        sys.stdout.write("".join(f"{name}\n" for name in names))
    note = f" ({models.note})" if models.note else ""
    sys.stderr.write(f"{models.provider}, default {models.default_model}{note}\n")
    return 0


def _write_table(models: Models, names: Sequence[str]) -> None:
    import dataclasses

    from llm_relay.cli.output import Column, Output, count_of, dollars_of, text_of
    from llm_relay.messages import Model

    known = {model.id: dataclasses.asdict(model) for model in models.details}
    unknown = {field.name: None for field in dataclasses.fields(Model)}
    columns = [
        Column("MODEL", text_of("id")),
        Column("PROVIDER", text_of("provider")),
        Column("CONTEXT", count_of("context_tokens"), is_number=True),
        Column("INPUT", dollars_of("input_nano_usd_per_million_tokens"), is_number=True),
        Column("OUTPUT", dollars_of("output_nano_usd_per_million_tokens"), is_number=True),
        Column("TAKES", lambda row: ", ".join(name for name in ABILITIES if row[name]) or "-"),
    ]
    rows = (known.get(name, unknown | {"id": name, "provider": models.provider}) for name in names)
    Output(argparse.Namespace(), columns).write(rows)


async def _models() -> Models:
    from llm_relay.cli.server_b_client import create_client, read_dial_settings

    async with create_client(read_dial_settings()) as client:
        return await client.list_models()
