"""`relay ask`: asks a model one question. Writes the answer to stdout as it arrives, and its cost to stderr."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from llm_relay.cli import exit_codes
from llm_relay.cli.command_error import CommandError
from llm_relay.cli.number_types import decimal, whole

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands
    from llm_relay.messages import Image, Prompt

STDIN = "-"


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the subcommand."""
    parser = commands.add_parser(
        "ask",
        parents=[common],
        help="ask a model through Server B, and see the answer as it arrives",
        description="Asks a model through Server B. Writes the answer to stdout as it arrives, and its cost to stderr."
        " Ctrl-C stops the answer and still shows its cost; a second Ctrl-C quits at once.",
        epilog="exit codes: 0 answered, 1 refused or failed, 2 wrong arguments or settings, 3 Server B cannot be"
        " reached, 130 stopped by Ctrl-C",
    )
    parser.add_argument("message", nargs="?", help="the question; if it is - or missing, it is read from stdin")
    parser.add_argument("--model", help="the model (default: the server's)")
    parser.add_argument("--context", metavar="TEXT", help="the system prompt")
    parser.add_argument(
        "--image", metavar="FILE", action="append", default=[], help="an image to look at; may be repeated"
    )
    parser.add_argument("--temperature", type=decimal(), metavar="N", help="0 to 2 (default: the server's)")
    parser.add_argument("--max-tokens", type=whole(), metavar="N", help="maximum output tokens (default: the server's)")
    parser.add_argument("--request-id", metavar="ID", default="", help="idempotency key; a repeat makes no second call")
    parser.add_argument(
        "--timeout", type=decimal(0.001, 86_400), metavar="SECONDS", help="deadline (default: TIMEOUT_SECONDS)"
    )
    parser.add_argument("--json", action="store_true", help="print the whole answer as one JSON object, at its end")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Asks the question. Returns the exit code."""
    from llm_relay.cli.server_b_client import exit_code_of, reported_failures
    from llm_relay.errors import RelayError
    from llm_relay.program.event_loop import run_command

    with reported_failures():
        prompt = _prompt(arguments)
        try:
            return run_command(_ask(prompt, arguments.timeout, as_json=arguments.json))
        except RelayError as error:
            if error.spent is not None:
                from llm_relay.cli.spending import spending

                sys.stderr.write(f"{spending(error.spent)}\n")
            if not arguments.json:
                raise
            document = {"error": error.message, "reason": error.reason, "requestId": error.request_id}
            sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
            return exit_code_of(error)


def _prompt(arguments: argparse.Namespace) -> Prompt:
    """Returns the prompt. Raises InvalidRequest naming each bad argument, or CommandError."""
    from llm_relay.messages import Prompt

    return Prompt(
        message=_message(arguments.message, has_image=bool(arguments.image)),
        context=arguments.context,
        model=arguments.model,
        temperature=arguments.temperature,
        max_tokens=arguments.max_tokens,
        request_id=arguments.request_id or _new_request_id(),
        parts=tuple(_image(Path(name)) for name in arguments.image),
    )


def _message(given: str | None, *, has_image: bool) -> str:
    if given is not None and given != STDIN:
        return given
    if given is None and has_image:
        return ""
    if given is None and sys.stdin.isatty():
        raise CommandError(
            'ask: write what to ask, such as relay ask "Hello", or - to read it from stdin', exit_codes.USAGE
        )
    try:
        return sys.stdin.read().removesuffix("\n")
    except UnicodeDecodeError as error:
        raise CommandError("ask: stdin is not text in this terminal's encoding", exit_codes.USAGE) from error


def _image(path: Path) -> Image:
    import mimetypes

    from llm_relay.messages import Image

    try:
        data = path.read_bytes()
    except OSError as error:
        raise CommandError(f"--image: cannot read {path.absolute()} ({error.strerror})", exit_codes.USAGE) from error
    media_type, _ = mimetypes.guess_type(path.name)
    if not media_type or not media_type.startswith("image/"):
        raise CommandError(f"--image: {path.name} has no image extension, such as .png or .jpg", exit_codes.USAGE)
    return Image(media_type=media_type, data=data)


def _new_request_id() -> str:
    import uuid

    return str(uuid.uuid4())


async def _ask(prompt: Prompt, timeout_s: float | None, *, as_json: bool) -> int:
    from llm_relay.cli.answer_display import AnswerDisplay
    from llm_relay.cli.server_b_client import create_client, read_dial_settings

    async with create_client(read_dial_settings(), timeout_s=timeout_s) as client:
        return await AnswerDisplay(client, prompt, as_json=as_json).until_end()
