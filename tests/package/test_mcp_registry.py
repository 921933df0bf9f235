"""server.json and the MCP bundle name only what exists: the package, its version, its arguments, settings and tools."""

import json
import os
import re
import shutil
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from llm_relay import VERSION
from llm_relay.cli.command import create_parser
from llm_relay.program.settings.known_settings import KNOWN_SETTINGS
from scripts.mcpb.__main__ import build
from tests.support.programs import PROJECT, environment
from tests.support.serving import serving

MANIFEST = json.loads((PROJECT / "scripts/mcpb/manifest.json").read_text("utf-8"))
SERVER = json.loads((PROJECT / "server.json").read_text("utf-8"))
SUBSTITUTED = {"target": "127.0.0.1:1", "token": "", "tls": "false"}


def test_the_registrys_entry_meets_the_registrys_rules() -> None:
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", SERVER["name"])
    assert 1 <= len(SERVER["description"]) <= 100
    assert f"<!-- mcp-name: {SERVER['name']} -->" in (PROJECT / "README.md").read_text("utf-8")


def test_both_name_this_package_in_this_version() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    (package,) = SERVER["packages"]
    assert package["identifier"] == MANIFEST["name"] == project["name"]
    assert project["name"] in project["scripts"]  # the command that uvx runs
    assert {SERVER["version"], package["version"], MANIFEST["version"]} == {VERSION}


def test_their_arguments_and_settings_exist() -> None:
    (package,) = SERVER["packages"]
    assert create_parser().parse_args([one["value"] for one in package["packageArguments"]]).transport is None
    config = MANIFEST["server"]["mcp_config"]
    assert create_parser().parse_args(config["args"][config["args"].index("relay") + 1 :]).transport is None
    named = {one["name"] for one in package["environmentVariables"]} | set(config["env"])
    assert named <= KNOWN_SETTINGS
    used = re.findall(r"\$\{user_config\.(\w+)\}", json.dumps(config))
    assert sorted(used) == sorted(MANIFEST["user_config"])


@pytest.mark.anyio
@pytest.mark.slow
@pytest.mark.node
@pytest.mark.skipif(not shutil.which("npx"), reason="needs npx on the PATH")
async def test_the_bundle_is_valid_and_serves_the_tools_that_it_names(tmp_path: Path) -> None:
    bundle = build(tmp_path / "dist")
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(tmp_path / "there")
    config = MANIFEST["server"]["mcp_config"]
    async with serving() as server:
        values = {**SUBSTITUTED, "target": server.target}
        parameters = StdioServerParameters(
            command=str(Path(sys.executable).parent / config["command"]),
            args=[_filled(one, tmp_path / "there", values) for one in config["args"]],
            env={**_for_uv(), **{name: _filled(one, tmp_path, values) for name, one in config["env"].items()}},
        )
        async with Client(stdio_client(parameters)) as client:
            tools = (await client.list_tools()).tools
            result: Any = await client.call_tool("check_server_b_health", {})
    assert {tool.name for tool in tools} == {tool["name"] for tool in MANIFEST["tools"]}
    assert not result.is_error


def _for_uv() -> dict[str, str]:
    """Returns what uv needs to fetch packages; the bundle's relay must come from its wheel, not from this clone."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "SSL_CERT_"))}
    return {**{name: value for name, value in environment({}).items() if name != "PYTHONPATH"}, **kept}


def _filled(text: str, folder: Path, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"${{user_config.{name}}}", value)
    return text.replace("${__dirname}", str(folder))
