"""Server A over HTTP, and a Server B whose provider says Hello."""

from collections.abc import AsyncIterator

import pytest

from tests.support.programs import Program, running
from tests.support.scripted import ScriptedProvider
from tests.support.serving import serving


@pytest.fixture(scope="package")
async def server_a(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    """Server A over streamable HTTP, without tokens; its log is in `lines`."""
    folder = tmp_path_factory.mktemp("server_a")
    async with (
        serving(ScriptedProvider()) as server_b,
        running(folder, "server_a", "http", MCP_PORT_A="0", SERVER_B_TARGET=server_b.target) as program,
    ):
        yield program
