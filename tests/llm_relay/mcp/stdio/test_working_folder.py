"""A server over stdio is started in whatever folder its client has open, and uses nothing from that folder."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.mcp_http import PING
from tests.support.programs import environment

LIMIT_S = 30.0
BAD_SETTINGS = b"LOG_FORMAT=carrier pigeon\nAI_PROVIDER=openai\nSERVER_B_TARGET=http://elsewhere\n"


def answer(folder: Path, *arguments: str, **settings: str) -> object:
    """Starts `python ARGUMENTS` in the folder, pings it, and returns its answer."""
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(settings),
        input=json.dumps(PING),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)["result"]


@pytest.mark.parametrize("content", [BAD_SETTINGS, b"\xff\xfe", b"no setting at all"])
@pytest.mark.parametrize("arguments", [("server_a",), ("server_a", "stdio"), ("server_b", "stdio")])
def test_its_env_file_is_not_read(tmp_path: Path, arguments: tuple[str, ...], content: bytes) -> None:
    (tmp_path / ".env").write_bytes(content)
    assert answer(tmp_path, "-m", *arguments) == {}


@pytest.mark.parametrize("name", ["server_a", "server_b"])
def test_its_packages_are_not_imported(tmp_path: Path, name: str) -> None:
    for package in ("llm_relay", "mcp", "grpc", "logging"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise RuntimeError")
    assert answer(tmp_path, "-P", "-m", name, "stdio") == {}


def test_a_named_env_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "named").write_bytes(BAD_SETTINGS)
    with pytest.raises(AssertionError, match="SERVER_B_TARGET"):
        answer(tmp_path, "-m", "server_a", "stdio", RELAY_ENV_FILE="named")
