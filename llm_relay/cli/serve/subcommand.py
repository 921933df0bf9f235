"""`relay serve`: starts, watches and stops Server B, the gateway and Server A over HTTP together."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from llm_relay.cli.command_error import CommandError

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the subcommand."""
    parser = commands.add_parser(
        "serve",
        parents=[common],
        help="run everything: Server B, the gateway, and Server A over HTTP",
        description="Runs Server B (gRPC), the gateway (HTTP) and Server A (MCP over HTTP) until Ctrl-C or SIGTERM."
        " Restarts a program that ends by itself.",
    )
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Serves until a signal; returns the exit code. Raises CommandError on Windows."""
    if sys.platform == "win32":
        raise CommandError(
            "relay serve does not run on Windows: run `relay server-b`, `relay gateway` and `relay mcp --http`,"
            " each in its own terminal"
        )
    import llm_relay.program.process_setup  # noqa: F401 - before grpc
    from llm_relay.cli.serve.plan import Plan
    from llm_relay.cli.serve.running import serve
    from llm_relay.program.event_loop import run as run_loop
    from llm_relay.program.logs.log_setup import configure_logging
    from llm_relay.program.metrics.publishing import published
    from llm_relay.program.settings.program_settings import SettingsError
    from llm_relay.program.startup import exit_for_bad_settings

    try:
        plan = Plan.read()
    except SettingsError as error:
        exit_for_bad_settings("relay", error)
    configure_logging(plan.log_format)
    with published(plan.metrics_host, plan.metrics_port, *plan.listening_on, allowed_hosts=plan.metrics_hosts):
        return run_loop(serve(plan))
