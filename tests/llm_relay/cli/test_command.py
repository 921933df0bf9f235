"""The command `relay`: its help, its version, its option for an .env file, and what it does not import."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from llm_relay import VERSION
from llm_relay.cli.command import SETTINGS_HELP
from llm_relay.program.settings.known_settings import KNOWN_SETTINGS
from tests.support.programs import environment
from tests.support.relay_command import COMMAND, relay

pytestmark = pytest.mark.anyio

COMMANDS = (
    *("serve", "server-b", "gateway", "mcp", "ask", "models", "usage", "calls", "callers", "budgets", "tokens"),
    *("prices", "whoami", "adjust", "audit", "ledger", "check", "health", "certificates", "files", "completion"),
)


async def test_its_version_is_the_packages(tmp_path: Path) -> None:
    ended = await relay(tmp_path, "--version")
    assert (ended.code, ended.out, ended.err) == (0, f"relay {VERSION}\n", "")


async def test_its_help_lists_the_commands_and_the_settings_that_matter(tmp_path: Path) -> None:
    ended = await relay(tmp_path, "--help")
    assert ended.code == 0
    for name in (*COMMANDS, "--env-file", "OPENAI_BASE_URL", "SERVER_B_TARGET", "RELAY_TOKENS"):
        assert name in ended.out


def test_the_settings_in_its_help_exist() -> None:
    names = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", SETTINGS_HELP))
    assert names
    assert names <= KNOWN_SETTINGS


@pytest.mark.parametrize("arguments", [(), ("fly",), ("ask", "--max-tokens", "many", "x"), ("server-b", "pigeon")])
async def test_wrong_arguments_exit_with_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    ended = await relay(tmp_path, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("usage: relay ")


@pytest.mark.parametrize("place", ["before", "after"])
async def test_a_file_of_settings_can_be_named_before_and_after_the_command(place: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SERVER_B_TARGET=127.0.0.1:1\n")
    (tmp_path / "other.env").write_text("SERVER_B_TARGET=127.0.0.1:2\n")
    option = ("--env-file", "other.env")
    ended = await relay(tmp_path, *((*option, "models") if place == "before" else ("models", *option)))
    assert ended.code == 3
    assert "127.0.0.1:2" in ended.err


async def test_a_missing_env_file_is_reported_with_its_path(tmp_path: Path) -> None:
    ended = await relay(tmp_path, "models", "--env-file", "none.env")
    assert (ended.code, ended.err) == (2, f"relay: --env-file: there is no file {tmp_path}/none.env\n")
    ended = await relay(tmp_path, "models", RELAY_ENV_FILE="none.env")
    assert ended.code == 2
    assert ended.err.startswith(f"relay: RELAY_ENV_FILE: {tmp_path}/none.env: cannot be read")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("ask", "--modle", "x", "Hi"), "relay ask: error: unrecognized arguments: --modle Hi; did you mean --model?"),
        (("usage", "--bye", "day"), "relay usage: error: unrecognized arguments: --bye day; did you mean --by?"),
        (
            ("tokens", "create", "ann", "--lable=x"),
            "relay tokens create: error: unrecognized arguments: --lable=x; did",
        ),
        (("gateway", "--port", "9000"), "relay gateway: error: unrecognized arguments: --port 9000\n"),
    ],
)
async def test_an_unknown_option_is_refused_with_the_usage_of_its_command(
    arguments: tuple[str, ...], line: str, tmp_path: Path
) -> None:
    ended = await relay(tmp_path, *arguments)
    assert ended.code == 2
    assert line in ended.err


async def test_each_bad_setting_has_a_line(tmp_path: Path) -> None:
    ended = await relay(tmp_path, "models", SERVER_B_TARGET="tcp://b:1", TIMEOUT_SECONDS="soon")
    assert ended.code == 2
    assert [line.split(": ")[1] for line in ended.err.splitlines()] == ["TIMEOUT_SECONDS", "SERVER_B_TARGET"]


def test_nothing_heavy_is_imported_for_the_version_and_the_help(tmp_path: Path) -> None:
    code = (
        "import sys; from llm_relay.cli.command import create_parser; create_parser().format_help();"
        "print([name for name in ('grpc', 'pydantic', 'asyncio', 'fastapi', 'cryptography') if name in sys.modules])"
    )
    command = [sys.executable, "-P", "-c", code]
    printed = subprocess.run(command, cwd=tmp_path, env=environment({}), capture_output=True, text=True, check=True)
    assert printed.stdout == "[]\n"


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_completes_commands_and_their_options(tmp_path: Path) -> None:
    command = [*COMMAND, "completion", "bash"]
    script = subprocess.run(command, env=environment({}), capture_output=True, text=True, check=True).stdout
    ask = 'COMP_WORDS=(relay ask --m); COMP_CWORD=2; _relay; echo "${COMPREPLY[@]}"'
    top = 'COMP_WORDS=(relay s); COMP_CWORD=1; _relay; echo "${COMPREPLY[@]}"'
    put = 'COMP_WORDS=(relay budgets pu); COMP_CWORD=2; _relay; echo "${COMPREPLY[@]}"'
    period = 'COMP_WORDS=(relay budgets put --per); COMP_CWORD=3; _relay; echo "${COMPREPLY[@]}"'
    by = 'COMP_WORDS=(relay usage --b); COMP_CWORD=2; _relay; echo "${COMPREPLY[@]}"'
    bash = ["bash", "-c", "\n".join([script, ask, top, put, period, by])]
    printed = subprocess.run(bash, capture_output=True, text=True, check=True).stdout
    assert printed.splitlines() == ["--model --max-tokens", "serve server-b", "put", "--period", "--by"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
async def test_other_shells_have_a_script_too(shell: str, tmp_path: Path) -> None:
    ended = await relay(tmp_path, "completion", shell)
    assert ended.code == 0
    assert "--model" in ended.out
