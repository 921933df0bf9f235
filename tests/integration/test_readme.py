"""What the README says is so: its snippets and its commands are run, and its table knows every setting."""

import asyncio
import json
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.settings import GatewaySettings
from server_a.settings import ServerASettings
from server_b.settings import ServerBSettings
from tests.support.programs import PROJECT, Program, environment, running

pytestmark = pytest.mark.anyio

README = (PROJECT / "README.md").read_text()
HIDDEN = {"SERVER_B_URL"}  # told of where the old names are


def snippets(language: str) -> list[str]:
    """Returns the README's code blocks in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
async def server_b(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    async with running(tmp_path_factory.mktemp("readme"), "server_b", GRPC_PORT="0") as program:
        yield program


@pytest.fixture(scope="module")
async def gateway(server_b: Program, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    settings = {"HTTP_PORT": "0", "SERVER_B_TARGET": server_b.address}
    async with running(tmp_path_factory.mktemp("readme"), "gateway", **settings) as program:
        yield program


async def output(*command: str, folder: Path = PROJECT, **settings: str) -> str:
    """Runs a command to its good end and returns what it printed."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=environment(settings), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()


async def test_the_python_snippet_answers_whole_and_streamed(server_b: Program, tmp_path: Path) -> None:
    (snippet,) = snippets("python")
    script = tmp_path / "snippet.py"
    script.write_text(snippet.replace("127.0.0.1:50051", server_b.address))
    printed = await output(sys.executable, str(script), folder=tmp_path)
    assert "You said: 'Hello'. This is a test response" in printed
    assert "You said: 'Hello'. This is a streaming test response." in printed
    assert "FinishReason.STOP" in printed


async def test_the_tools_functions_answer_as_the_readme_says(server_b: Program, tmp_path: Path) -> None:
    code = "import asyncio; from server_a import send_message; print(asyncio.run(send_message('Hello'))['aiResponse'])"
    printed = await output(sys.executable, "-c", code, folder=tmp_path, SERVER_B_TARGET=server_b.address)
    assert "You said: 'Hello'." in printed


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl on the PATH")
async def test_the_curl_commands_answer(gateway: Program) -> None:
    commands = [line for block in snippets("sh") for line in block.splitlines() if line.startswith("curl")]
    answers = [await output("sh", "-c", line.replace("localhost:8000", gateway.address)) for line in commands]
    whole, stream, health, models = answers
    assert json.loads(whole)["status"] == "success"
    assert stream.endswith("data: [DONE]\n\n")
    assert json.loads(health)["status"] == "healthy"
    assert json.loads(models)["models"] == ["mock-model"]


@pytest.mark.parametrize("program", ["server_b", "server_a", "gateway"])
def test_every_program_that_the_readme_starts_exists(program: str) -> None:
    assert f"python -m {program}" in README
    assert (PROJECT / program / "__main__.py").exists()


def test_the_client_configuration_is_json_and_starts_server_a() -> None:
    configurations = [json.loads(block) for block in snippets("json") if "command" in block]
    assert len(configurations) == 2
    for configuration in configurations:
        (servers,) = configuration.values()
        assert servers["relay"]["args"] == ["mcp"]


@pytest.mark.parametrize("settings", [ServerBSettings, ServerASettings, GatewaySettings])
def test_the_settings_table_has_every_setting_with_its_default(settings: type) -> None:
    table = README.partition("\n## Settings\n")[2].partition("\n## ")[0]
    rows = {name: row for row in table.splitlines() for name in re.findall(r"`(\w+)`", row)}
    for name, field in settings.model_fields.items():  # type: ignore[attr-defined]
        if name.upper() in HIDDEN:
            continue
        assert name.upper() in rows, f"the README's table lacks {name.upper()}"
        assert _shown(field.default) in rows[name.upper()], f"{name.upper()}: the default is {field.default!r}"


def _shown(default: object) -> str:
    if isinstance(default, SecretStr) or default == "":
        return "–"
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)
