"""The layers of ARCHITECTURE.md hold: import-linter, with our own contracts, refuses what breaks them."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.programs import PROJECT

PACKAGES = ("gateway", "generated", "llm_relay", "scripts", "server_a", "server_b")
FOREIGN = {
    "the wire imports MCP over HTTP": ("llm_relay/wire/codec/parts.py", "import llm_relay.mcp.http"),
    "addresses import pydantic": ("llm_relay/addresses.py", "import pydantic"),
    "the core's broadcast imports orjson": ("server_b/core/calls/broadcast.py", "import orjson"),
    "the core imports gRPC": ("server_b/core/relay.py", "import grpc"),
    "a provider imports generated code": (
        "server_b/providers/mock/provider.py",
        "import generated.relay.v1.relay_pb2",
    ),
    "a provider imports the settings": ("server_b/providers/base.py", "import server_b.settings"),
    "the gateway imports Server B": ("gateway/routes.py", "import server_b.core.relay"),
    "Server A imports the gateway": ("server_a/tools.py", "import gateway.routes"),
    "errors import messages": ("llm_relay/errors.py", "import llm_relay.messages"),
    "plain numbers import pydantic": ("llm_relay/plain_numbers.py", "import pydantic"),
    "a provider imports aiohttp": ("server_b/providers/openai/client.py", "import aiohttp"),
    "the core imports a database": ("server_b/core/relay.py", "import sqlite3"),
    "OpenAI's provider imports boto3": ("server_b/providers/openai/client.py", "import boto3"),
    "Server A imports the MCP SDK": ("server_a/tools.py", "import mcp_types"),
    "the shared HTTP server imports FastAPI": ("llm_relay/http/serving.py", "import fastapi"),
    "the gateway imports uvicorn": ("gateway/serving.py", "import uvicorn"),
    "the core imports a price list": ("server_b/core/runner/settlement.py", "import genai_prices"),
}
"""Imports that no layer allows, by what they would break: the file that gets the line, and the line."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the packages and of their contracts."""
    for package in PACKAGES:
        shutil.copytree(PROJECT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    """Runs import-linter on a tree; its output lines are not wrapped."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"]
    environment = {"PYTHONPATH": str(tree), "PATH": "", "COLUMNS": "1000"}
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_tree_keeps_its_contracts(tree: Path) -> None:
    linted = lint(tree)
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize("name", FOREIGN)
def test_an_import_that_no_layer_allows_breaks_a_contract(tree: Path, name: str) -> None:
    file, line = FOREIGN[name]
    with (tree / file).open("a") as module:
        module.write(f"\n{line}\n")
    linted = lint(tree)
    assert linted.returncode == 1, linted.stdout
    importer, imported = file.removesuffix(".py").replace("/", "."), line.split()[-1]
    assert f"{importer} -> {imported}" in linted.stdout


def test_a_file_without_a_layer_breaks_a_contract_in_every_package(tree: Path) -> None:
    packages = [
        init.parent.relative_to(tree)
        for name in PACKAGES
        if name != "generated"
        for init in (tree / name).rglob("__init__.py")
    ]
    for package in packages:
        (tree / package / "newcomer.py").touch()
    linted = lint(tree)
    assert linted.returncode == 1, linted.stdout
    names = {f"{'.'.join(package.parts)}.newcomer" for package in packages}
    assert {name for name in names if name not in linted.stdout} == set()


def test_every_package_is_in_an_exhaustive_contract() -> None:
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    exhaustive = {name for contract in contracts if contract.get("exhaustive") for name in contract["containers"]}
    packages = {
        ".".join(init.parent.relative_to(PROJECT).parts)
        for name in PACKAGES
        if name != "generated"
        for init in (PROJECT / name).rglob("__init__.py")
    }
    assert packages - exhaustive == set()
