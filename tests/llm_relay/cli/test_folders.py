"""Programs that a client starts inside an untrusted folder import nothing from it and read none of its settings."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from llm_relay import VERSION
from scripts.environment import COMMAND_TEXT
from tests.support.mcp_stdio import StdioServer, safe_stdio_server, stdio_server
from tests.support.programs import environment
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

POISON = "raise SystemExit('imported from the folder that is open')\n"
STOLEN = "SERVER_B_TARGET=127.0.0.1:1\nRELAY_TOKEN=\nGRPC_PORT 5\nTIMEOUT_SECONDS=soon\nMCP_TRANSPORT=pigeon\n"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder with packages named like ours and like those that we import, and a broken .env."""
    folder = tmp_path / "open"
    for name in ("llm_relay", "server_a", "server_b", "grpc", "mcp", "pydantic", "encodings"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(POISON)
    for name in ("asyncio", "json", "dotenv", "sitecustomize", "usercustomize"):
        (folder / f"{name}.py").write_text(POISON)
    (folder / ".env").write_text(STOLEN)
    return folder


SERVERS = pytest.mark.parametrize(
    ("command", "tool"),
    [
        (("llm_relay.cli", "mcp"), "send_message"),
        (("server_a", "stdio"), "send_message"),
        (("server_a",), "send_message"),
        (("server_b", "stdio"), "process_message"),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, tuple) else it,
)


Opened = Callable[..., AbstractAsyncContextManager[StdioServer]]


async def answers(opened: Opened, folder: Path, command: tuple[str, ...], tool: str) -> None:
    """Starts an MCP server in a folder, as a client does, and calls a tool."""
    async with serving() as server, opened(folder, *command, SERVER_B_TARGET=server.target) as client:
        await client.initialize()
        await client.call(1, tool, {"message": "Hi"})
        assert "You said: 'Hi'." in (await client.answer(1))["result"]["content"][0]["text"]
        assert await client.close_stdin() == 0
    assert ".env" not in "".join(client.log)


@SERVERS
async def test_an_mcp_server_starts_and_answers_as_if_the_folder_were_empty(
    command: tuple[str, ...], tool: str, hostile: Path
) -> None:
    await answers(safe_stdio_server, hostile, command, tool)


@SERVERS
async def test_no_env_file_of_the_folder_is_read_without_that_option_either(
    command: tuple[str, ...], tool: str, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(STOLEN)
    await answers(stdio_server, tmp_path, command, tool)


async def test_a_file_that_is_named_is_read(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    async with serving() as server:
        (tmp_path / "mine.env").write_text(f"SERVER_B_TARGET={server.target}\n")
        command = ("mcp", "--env-file", "../mine.env")
        async with safe_stdio_server(tmp_path / "open", "llm_relay.cli", *command) as client:
            await client.initialize()
            await client.call(1, "send_message", {"message": "Hi"})
            assert "You said: 'Hi'." in (await client.answer(1))["result"]["content"][0]["text"]


def printed(command: Path, *arguments: str) -> tuple[int, str]:
    """Runs a script of the command in its own folder, with no .env; returns its exit code and what it prints."""
    settings = environment({"RELAY_ENV_FILE": os.devnull, "SERVER_B_TARGET": "127.0.0.1:1"})
    ended = subprocess.run(
        [command, *arguments], cwd=command.parent, env=settings, capture_output=True, text=True, check=False
    )
    assert "imported from" not in ended.stderr
    return ended.returncode, ended.stdout


def is_the_command(script: Path) -> bool:
    """Returns whether a script is the command `relay`, with everything that a call of Server B imports."""
    return (printed(script, "--version"), printed(script, "models")) == ((0, f"relay {VERSION}\n"), (3, ""))


def test_the_command_of_a_clone_imports_nothing_from_its_own_folder(hostile: Path) -> None:
    command = hostile / "relay"
    command.write_text(COMMAND_TEXT.format(python=sys.executable))
    command.chmod(0o755)
    assert is_the_command(command)


def test_an_installed_command_leaves_its_folder_as_soon_as_it_runs(hostile: Path) -> None:
    for name in ("llm_relay", "encodings"):  # the folder cannot be left before the command's first line runs
        shutil.rmtree(hostile / name)
    (hostile / "sitecustomize.py").unlink()
    command = hostile / "relay"
    command.write_text(f"#!{sys.executable}\nfrom llm_relay.cli.entry import main\nmain()\n")
    command.chmod(0o755)
    assert is_the_command(command)
