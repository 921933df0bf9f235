"""LangChain and LlamaIndex against the gateway's /v1, in their own environment: the project needs neither."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import environment, running

FOLDER = Path(__file__).parent / "frameworks"
PYTHON = FOLDER / ".venv" / "bin" / "python"
WHOLE_END = "You said: 'Hello'. This is a test response without calling any external API."
STREAM_END = "You said: 'Hello'. This is a streaming test response."
CALL = {"name": "weather", "args": {"city": ""}}
INSTALL_LIMIT_S = 220.0
"""Less than the time after which a test counts as hanging."""
CITY = {"name": "", "people": 0}

pytestmark = [pytest.mark.anyio, pytest.mark.frameworks]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def seen(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Any]]:
    """What the frameworks returned from the mock."""
    await _install()
    folder = tmp_path_factory.mktemp("frameworks")
    mock = {"MOCK_DELAY_SECONDS": "0", "MOCK_WORD_DELAY_SECONDS": "0", "GRPC_PORT": "0"}
    async with (
        running(folder, "server_b", **mock) as server_b,
        running(folder, "gateway", HTTP_PORT="0", SERVER_B_TARGET=server_b.address) as gateway,
    ):
        yield json.loads(await _output(str(PYTHON), "client.py", f"http://{gateway.address}/v1", within_s=120))


async def _install() -> None:
    """Creates the environment once, next to requirements.txt; skips the tests if the packages cannot be installed."""
    wanted, installed = FOLDER / "requirements.txt", FOLDER / ".venv" / ".installed"
    if installed.exists() and installed.read_text() == wanted.read_text():
        return
    await _output(sys.executable, "-m", "venv", "--clear", ".venv", within_s=60)
    try:
        await _output(str(PYTHON), "-m", "pip", "install", "--quiet", "-r", wanted.name, within_s=INSTALL_LIMIT_S)
    except (RuntimeError, TimeoutError) as error:
        pytest.skip(f"needs packages that cannot be installed here: {error}")
    installed.write_text(wanted.read_text())


async def _output(*command: str, within_s: float) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=FOLDER, env=environment({}), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(within_s):
            printed, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(complaints.decode().strip()[-500:])
    return printed.decode()


@pytest.mark.parametrize("way", ["langchain", "langchain_responses"])
async def test_langchain_calls_streams_uses_tools_and_parses(seen: dict[str, Any], way: str) -> None:
    one = seen[way]
    assert one["whole"].endswith(WHOLE_END)
    assert one["streamed"].endswith(STREAM_END)
    for usage in (one["usage"], one["streamed_usage"]):
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0
    assert one["calls"] == [CALL, CALL]
    assert "sunny in" in one["told"]
    assert (one["by_schema"], one["by_tool"]) == (CITY, CITY)


async def test_llama_index_calls_streams_uses_tools_and_parses(seen: dict[str, Any]) -> None:
    one = seen["llama_index"]
    assert one["whole"].endswith(WHOLE_END)
    assert one["completed"].endswith(WHOLE_END)
    assert one["streamed"].endswith(STREAM_END)
    assert one["usage"] > 0
    assert one["calls"] == [CALL]
    assert one["by_tool"] == CITY
