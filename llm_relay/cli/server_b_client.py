"""Clients of Server B for the subcommands, their settings, and the exit codes of their failures."""

from __future__ import annotations

import llm_relay.program.process_setup  # noqa: F401 - before grpc

# isort: split
from collections.abc import Iterator
from contextlib import contextmanager

from llm_relay.cli import exit_codes
from llm_relay.cli.command_error import CommandError
from llm_relay.client.account_client import AccountClient
from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import InvalidRequest, RelayError, ServerBUnavailable
from llm_relay.program.settings.program_settings import SettingsError
from llm_relay.program.settings.setting_groups import DialSettings


def read_dial_settings() -> DialSettings:
    """Reads how to reach Server B. Raises CommandError with a line for each bad setting."""
    try:
        return DialSettings.read()
    except SettingsError as error:
        raise CommandError(str(error), exit_codes.USAGE) from error


def create_client(settings: DialSettings, *, timeout_s: float | None = None) -> RelayClient:
    """Returns a client of Server B. Raises CommandError if a certificate cannot be used."""
    try:
        return RelayClient(settings.dial, timeout_s=timeout_s or settings.timeout_seconds)
    except ValueError as error:
        raise CommandError(str(error), exit_codes.USAGE) from error


def create_account_client(settings: DialSettings) -> AccountClient:
    """Returns a client of Server B's accounts. Raises CommandError if a certificate cannot be used."""
    try:
        return AccountClient(settings.dial)
    except ValueError as error:
        raise CommandError(str(error), exit_codes.USAGE) from error


@contextmanager
def reported_failures() -> Iterator[None]:
    """Turns a failed call into a CommandError."""
    try:
        yield
    except RelayError as error:
        raise CommandError(f"{error.reason}: {error.message}", exit_code_of(error)) from error


def exit_code_of(error: RelayError) -> int:
    """Returns the exit code for a failed call."""
    match error:
        case ServerBUnavailable():
            return exit_codes.UNREACHABLE
        case InvalidRequest():
            return exit_codes.USAGE
        case _:
            return exit_codes.FAILED
