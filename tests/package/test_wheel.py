"""The wheel: its contents, and that it serves from an empty folder of a machine without this repository."""

import asyncio
import json
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import httpx2
import pytest

from llm_relay import VERSION
from llm_relay.cli.files import NAMES
from tests.support.programs import PROJECT

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

START_LIMIT_S = 120.0
FREE_PORTS = {"GRPC_PORT": "0", "HTTP_PORT": "0", "MCP_PORT_A": "0", "METRICS_PORT": "0"}
QUICK = {"MOCK_DELAY_SECONDS": "0", "MOCK_WORD_DELAY_SECONDS": "0"}
PACKAGES = ("gateway", "generated", "llm_relay", "server_a", "server_b")
ABOUT_CODE = (".py", ".pyi", ".typed")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(PROJECT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the command `relay` of an environment with only the wheel and its dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True)
    run(str(folder / "bin/python"), "-m", "pip", "install", "-q", str(wheel))
    return folder / "bin" / "relay"


def run(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def tracked(*names: str) -> set[str]:
    """Returns the files of the repository under these names."""
    listed = subprocess.run(["git", "ls-files", *names], cwd=PROJECT, capture_output=True, text=True, check=True)
    return set(listed.stdout.split())


def test_it_has_every_file_of_the_packages_and_every_document(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == tracked(*PACKAGES) | {f"llm_relay/files/{name}" for name in tracked(*NAMES)}


def test_the_links_between_its_documents_resolve(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    root = tmp_path / "llm_relay" / "files"
    for page in root.rglob("*.md"):
        for target in LINK.findall(page.read_text("utf-8")):
            assert "://" in target or (page.parent / target).exists(), f"{page.relative_to(root)}: {target}"


def test_its_page_names_files_instead_of_linking_to_them(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    page = metadata.get_payload()
    assert isinstance(page, str)
    assert [target for target in LINK.findall(page) if "://" not in target] == []
    assert "`docs/money.md`" in page
    assert "relay files --copy FOLDER" in page
    assert {"postgres"} <= set(metadata.get_all("Provides-Extra") or ())


def test_the_documents_that_the_command_shows_are_in_the_wheel() -> None:
    pyproject = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    wheel = pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["sources"] | wheel["force-include"] == {name: f"llm_relay/files/{name}" for name in NAMES}
    assert set(wheel["only-include"]) == {*PACKAGES, *wheel["sources"]}


def test_settings_keys_and_ledgers_beside_the_documents_are_not_in_the_wheel(tmp_path: Path) -> None:
    """compose.yaml reads deploy/.env. The image is built without git's list of what to ignore."""
    copy = tmp_path / "copy"
    for name in tracked("pyproject.toml", *PACKAGES, *NAMES):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, copy / name)
    secrets = {"deploy/.env", "deploy/.env.production", "docs/relay.db", "proto/ca.key", "scripts/mcp-clients/ca.pem"}
    for name in secrets:
        (copy / name).write_text("OPENAI_API_KEY=sk-canary")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(copy))
    (built,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        names = set(archive.namelist())
        assert not [name for name in names if b"sk-canary" in archive.read(name)]
    assert {"llm_relay/files/.env.example", "llm_relay/files/deploy/compose.yaml"} <= names


async def test_it_serves_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        installed, "serve", cwd=tmp_path, env={**FREE_PORTS, **QUICK}, stderr=asyncio.subprocess.PIPE
    )
    try:
        grpc, http = await _serves(process)
        settings = {"SERVER_B_TARGET": grpc}
        async with httpx2.AsyncClient(base_url=http, trust_env=False, timeout=60) as client:
            answer = await client.post("/process", json={"message": "Hello"})
            assert "You said: 'Hello'" in answer.json()["aiResponse"]
            async with client.stream("POST", "/stream", json={"message": "Hello"}) as stream:
                assert "data: [DONE]" in "".join([part async for part in stream.aiter_text()])
            for page in ("/docs", *(("/ui/",) if (PROJECT / "gateway" / "ui").exists() else ())):
                shown = await client.get(page, follow_redirects=True)
                assert (shown.status_code, shown.headers["content-type"]) == (200, "text/html; charset=utf-8")
                assets = re.findall(r'(?:src|href)="([^"]+\.(?:js|css))"', shown.text)
                assert assets
                for asset in assets:
                    assert (await client.get(shown.url.join(asset))).status_code == 200, asset
        assert "[MOCK STREAM" in await _output(installed, "ask", "Hello", folder=tmp_path, **settings)
        assert json.loads(await _output(installed, "usage", "--json", folder=tmp_path, **settings))["calls"] == 3
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (tmp_path / "relay.db").exists()


async def test_its_documents_can_be_listed_printed_and_copied(installed: Path, tmp_path: Path) -> None:
    listed = (await _output(installed, "files", folder=tmp_path)).split()
    assert set(listed) == tracked(*NAMES)
    proto = await _output(installed, "files", "proto/relay/v1/relay.proto", folder=tmp_path)
    assert "service RelayService" in proto
    await _output(installed, "files", "--copy", "all", folder=tmp_path)
    assert (tmp_path / "all" / ".env.example").read_text() == (PROJECT / ".env.example").read_text()


async def test_both_names_of_the_command_work(installed: Path, tmp_path: Path) -> None:
    for name in ("relay", "grpc-llm-relay"):
        assert await _output(installed.with_name(name), "--version", folder=tmp_path) == f"relay {VERSION}\n"


async def _serves(process: asyncio.subprocess.Process) -> tuple[str, str]:
    """Waits until everything serves; returns Server B's target and the gateway's URL."""
    assert process.stderr
    said = []
    async with asyncio.timeout(START_LIMIT_S):
        async for line in process.stderr:
            said.append(line.decode())
            if found := re.search(r"The relay serves: gRPC on ([^,\s]+), HTTP on ([^,\s]+)", said[-1]):
                return found[1], found[2]
    raise AssertionError("".join(said))


async def _output(command: Path, *arguments: str, folder: Path, **settings: str) -> str:
    """Runs the command with nothing in its environment but settings; returns what it printed."""
    process = await asyncio.create_subprocess_exec(
        command, *arguments, cwd=folder, env=settings, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        printed, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return printed.decode()
