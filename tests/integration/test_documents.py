"""What the README and docs/ say is true: every snippet is run, or a comment above it says why it is not."""

import asyncio
import json
import re
import shutil
import sys
import tomllib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.settings import GatewaySettings
from server_a.settings import ServerASettings
from server_b.settings import ServerBSettings
from tests.support.programs import PROJECT, Program, environment, running

pytestmark = pytest.mark.anyio

DOCUMENTS = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(<!-- not run: [^\n]+ -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TOLD = ["You said: 'Hello'. This is a test response", "This is a streaming test response.", "FinishReason.STOP"]
"""What the README's snippet prints."""
RUN_ELSEWHERE = {
    "./scripts/run": "tests/scripts/test_run.py",
    "./scripts/test": "tests",
    "relay serve": "tests/llm_relay/cli",
}
"""Commands that other tests run."""


@dataclass(frozen=True)
class Snippet:
    """A code block of a document."""

    document: str
    language: str
    code: str
    is_run: bool
    line: int

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def snippets(*languages: str) -> list[Snippet]:
    """Returns the documents' code blocks in these languages."""
    return [snippet for snippet in _snippets() if snippet.language in languages]


def _snippets() -> Iterator[Snippet]:
    for path in DOCUMENTS:
        text = path.read_text("utf-8")
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield Snippet(path.name, match[2], match[3], is_run=match[1] is None, line=line)


def commands() -> list[str]:
    """Returns the shell lines that must be run, each once."""
    lines = (
        line.partition("   #")[0].rstrip() for one in snippets("sh") if one.is_run for line in one.code.splitlines()
    )
    return [*dict.fromkeys(filter(None, lines))]


@pytest.fixture(scope="module")
async def server_b(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    async with running(tmp_path_factory.mktemp("documents"), "server_b", GRPC_PORT="0") as program:
        yield program


@pytest.fixture(scope="module")
async def gateway(server_b: Program, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    settings = {"HTTP_PORT": "0", "SERVER_B_TARGET": server_b.address}
    async with running(tmp_path_factory.mktemp("documents"), "gateway", **settings) as program:
        yield program


async def output(*command: str, folder: Path = PROJECT, **settings: str) -> str:
    """Runs a command, which must succeed, and returns what it printed."""
    variables = environment(settings)
    variables["PATH"] = f"{Path(sys.executable).parent}:{variables['PATH']}"
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, env=variables, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()
    return printed.decode()


@pytest.mark.parametrize("snippet", [one for one in snippets("python") if one.is_run], ids=str)
async def test_python_snippets_run(snippet: Snippet, server_b: Program, tmp_path: Path) -> None:
    script = tmp_path / "snippet.py"
    script.write_text(snippet.code.replace("127.0.0.1:50051", server_b.address))
    printed = await output(sys.executable, str(script), folder=tmp_path)
    expected = TOLD if "stream_process" in snippet.code else ["It is sunny in your city"]
    assert [text for text in expected if text not in printed] == []


async def test_the_tools_functions_answer_as_the_readme_says(server_b: Program, tmp_path: Path) -> None:
    code = "import asyncio; from server_a import send_message; print(asyncio.run(send_message('Hello'))['aiResponse'])"
    assert code.split("; ")[1] in DOCUMENTS[0].read_text("utf-8")
    printed = await output(sys.executable, "-c", code, folder=tmp_path, SERVER_B_TARGET=server_b.address)
    assert "You said: 'Hello'." in printed


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl on the PATH")
@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("/process", '"status":"success"'),
        ("/stream", "data: [DONE]\n\n"),
        ("/health", '"status":"healthy"'),
        ("/models", '"mock-model"'),
        ("/v1/chat/completions", '"chat.completion"'),
        ("image/png", "image/png"),
        ('"Name a city"', '{\\"name\\":\\"\\"}'),
        ("thinking", "event: reasoning"),
    ],
)
async def test_curl_commands_answer(command: str, answer: str, gateway: Program) -> None:
    lines = [line for line in commands() if line.startswith("curl") and command in line]
    line = min(lines, key=len)
    assert answer in await output("sh", "-c", line.replace("localhost:8000", gateway.address))


async def test_relay_commands_run(server_b: Program, tmp_path: Path) -> None:
    settings = {"SERVER_B_TARGET": server_b.address, "GRPC_PORT": str(server_b.port), "HTTP_PORT": "0"}
    assert "You said: 'Hello'" in await output("sh", "-c", 'relay ask "Hello"', folder=tmp_path, **settings)
    assert "FAILED" not in await output("sh", "-c", "relay check", folder=tmp_path, **settings)


def test_every_shell_line_is_run_by_a_test() -> None:
    run_here = ("curl ", 'relay ask "Hello"', "relay check")
    unknown = [line for line in commands() if line not in RUN_ELSEWHERE and not line.startswith(run_here)]
    assert unknown == []


CONFIGURATIONS = [one for one in snippets("json", "toml") if '"aiResponse"' not in one.code]


@pytest.mark.parametrize("snippet", CONFIGURATIONS, ids=str)
def test_configuration_snippets_parse_and_start_the_command(snippet: Snippet) -> None:
    document = json.loads(snippet.code) if snippet.language == "json" else tomllib.loads(snippet.code)
    assert document
    for servers in document.values():
        command = servers["relay"]["command"]
        whole = [*command] if isinstance(command, list) else [command, *servers["relay"]["args"]]
        assert whole == ["/path/to/relay/.venv/bin/relay", "mcp"]


def test_every_link_between_the_documents_resolves() -> None:
    for path in [*DOCUMENTS, *(PROJECT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"))]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text("utf-8")):
            assert "://" in target or (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_readme_is_short_and_its_contents_match_its_headings() -> None:
    readme = DOCUMENTS[0].read_text("utf-8")
    assert len(readme.splitlines()) <= 200
    anchors = re.findall(r"\]\(#([\w-]+)\)", readme)
    headings = [title.lower().replace(" ", "-") for title in re.findall(r"^## (.+)$", readme, re.MULTILINE)]
    assert anchors == headings


@pytest.mark.parametrize("settings", [ServerBSettings, ServerASettings, GatewaySettings])
def test_the_settings_page_has_every_setting(settings: type) -> None:
    page = (PROJECT / "docs/settings.md").read_text("utf-8")
    for name, field in settings.model_fields.items():  # type: ignore[attr-defined]
        assert field.exclude or f"| `{name.upper()}` |" in page
