"""The error that ends a subcommand."""

from __future__ import annotations

from llm_relay.cli import exit_codes


class CommandError(Exception):
    """The command failed. Each line of the text is shown to the user."""

    def __init__(self, text: str, exit_code: int = exit_codes.FAILED) -> None:
        super().__init__(text)
        self.exit_code = exit_code
