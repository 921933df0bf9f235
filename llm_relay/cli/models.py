"""`relay models`: the models that can be asked for."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands
    from llm_relay.messages import Models


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the subcommand."""
    parser = commands.add_parser(
        "models",
        parents=[common],
        help="list the models that can be asked for",
        description="Lists the models that can be asked for, one a line, the default first.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the models; returns the exit code."""
    import asyncio

    from llm_relay.cli.server_b_client import told_failures
    from llm_relay.documents import models_document

    with told_failures():
        models = asyncio.run(_models())
    if arguments.json:
        sys.stdout.write(json.dumps(models_document(models), ensure_ascii=False) + "\n")
        return 0
    names = [models.default_model, *(name for name in models.models if name != models.default_model)]
    sys.stdout.write("".join(f"{name}\n" for name in names))
    note = f" ({models.note})" if models.note else ""
    sys.stderr.write(f"{models.provider}, default {models.default_model}{note}\n")
    return 0


async def _models() -> Models:
    from llm_relay.cli.server_b_client import create_client, read_dial_settings

    async with create_client(read_dial_settings()) as client:
        return await client.list_models()
