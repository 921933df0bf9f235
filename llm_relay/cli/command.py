"""The command `relay`: its subcommands, its help, and the options that all of them share."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from llm_relay import VERSION
from llm_relay.cli import ask, certificates, check, completion, exit_codes, files, health, models, programs
from llm_relay.cli.accounts import adjust, audit, budgets, callers, calls, ledger, prices, tokens, usage, whoami
from llm_relay.cli.command_error import CommandError
from llm_relay.cli.serve import subcommand as serve
from llm_relay.program.colours import Colour, coloured

ENV_FILE_VARIABLE = "RELAY_ENV_FILE"

SETTINGS_HELP = """\
settings come from the environment, or from a .env file in the working folder; the most important:

  AI_PROVIDER                    mock (default), openai or bedrock; several: openai,bedrock
  OPENAI_API_KEY                 key for AI_PROVIDER=openai
  OPENAI_BASE_URL                any OpenAI-compatible server, such as http://127.0.0.1:8080/v1
  OPENAI_DEFAULT_MODEL           model for calls that name none
  AWS_REGION, AWS_PROFILE        for AI_PROVIDER=bedrock; or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
  BEDROCK_DEFAULT_MODEL          model for calls that name none
  SERVER_B_TARGET                address of Server B, for all other programs (default 127.0.0.1:50051)
  GRPC_HOST, GRPC_PORT           where Server B listens (default 127.0.0.1, 50051)
  HTTP_HOST, HTTP_PORT           where the gateway listens (default 127.0.0.1, 8000)
  MCP_HOST, MCP_PORT_A           where Server A listens over HTTP (default 127.0.0.1, 8001)
  RELAY_TOKENS                   who may call, as name:token,name:token
  RELAY_TOKEN                    the token sent to Server B
  TLS_CERT_FILE, TLS_KEY_FILE    TLS of Server B; SERVER_B_TLS=true at the other end

`relay files .env.example` prints all of them; `relay check` shows what is wrong with yours.
"""


def run(arguments: Sequence[str]) -> int:
    """Runs a subcommand; returns the exit code. Raises SystemExit for wrong arguments, --help and --version."""
    parsed = create_parser().parse_args(arguments)
    try:
        if "env_file" in parsed:
            _use_env_file(parsed.env_file)
        code: int = parsed.run(parsed)
    except CommandError as error:
        named = coloured("relay", Colour.RED, sys.stderr)
        sys.stderr.write("".join(f"{named}: {line}\n" for line in str(error).splitlines()))
        return error.exit_code
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except BrokenPipeError:  # the reader of the output has gone, as in `relay models | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.FAILED
    return code


class CommandParser(argparse.ArgumentParser):
    """A parser of the command or of a subcommand. It refuses unknown options itself, with its own usage."""

    def parse_known_args(  # type: ignore[override]  # the stub has overloads for namespaces of other types
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parses like its base, but raises SystemExit for unknown options, which the base leaves to the top."""
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            import difflib

            options = [option for action in self._actions for option in action.option_strings]
            near = difflib.get_close_matches(next(filter(_is_option, unknown), ""), options, n=1)
            self.error(f"unrecognized arguments: {' '.join(unknown)}{f'; did you mean {near[0]}?' if near else ''}")
        return parsed, unknown


def _is_option(text: str) -> bool:
    return text.startswith("-")


def create_parser() -> argparse.ArgumentParser:
    """Returns the parser of the whole command."""
    parser = CommandParser(
        prog="relay",
        description="Relays language-model calls between servers: MCP and HTTP in front, gRPC between, and OpenAI, AWS"
        " Bedrock or any OpenAI-compatible server behind.",
        epilog=SETTINGS_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"relay {VERSION}")
    common = _common_options()
    for action in common._actions:  # noqa: SLF001 - argparse has no other way to share an option with the top
        parser._add_action(action)  # noqa: SLF001
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (
        *(serve, programs, ask, models),
        *(usage, calls, callers, budgets, tokens, prices, whoami, adjust, audit, ledger),
        *(check, health, certificates, files, completion),
    ):
        module.add_to(commands, common)
    parser.set_defaults(whole_parser=parser)
    return parser


def _common_options() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument(
        "--env-file", metavar="FILE", help=f"read settings from FILE instead of .env (also {ENV_FILE_VARIABLE})"
    )
    return common


def _use_env_file(name: str) -> None:
    """Sets the settings file of this process and its children. Raises CommandError if the file does not exist."""
    path = Path(name).expanduser().absolute()
    if not path.exists():
        raise CommandError(f"--env-file: there is no file {path}", exit_codes.USAGE)
    os.environ[ENV_FILE_VARIABLE] = str(path)
