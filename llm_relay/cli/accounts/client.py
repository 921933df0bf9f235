"""Runs a command's work with a client of AccountService, and shows its warnings."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_relay.client.account_client import AccountClient


def ask(work: Callable[[AccountClient], Awaitable[None]]) -> int:
    """Runs `work` with a client of Server B; returns the exit code. Raises CommandError if the call fails."""
    from llm_relay.cli.server_b_client import create_account_client, read_dial_settings, reported_failures
    from llm_relay.program.event_loop import run_command

    async def asked() -> None:
        async with create_account_client(read_dial_settings()) as client:
            await work(client)

    with reported_failures():
        run_command(asked())
    return 0


def warn(text: str) -> None:
    """Writes a warning to stderr."""
    sys.stderr.write(f"relay: warning: {text}\n")
