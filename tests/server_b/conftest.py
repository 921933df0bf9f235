"""Server B's tests run on the event loop that Server B runs on, one for all of them."""

import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Run the asynchronous tests on uvloop, as transport.event_loop does."""
    return "asyncio", {"use_uvloop": sys.platform != "win32"}


@pytest.fixture(scope="package", autouse=True)
async def _one_event_loop(anyio_backend: tuple[str, dict[str, Any]]) -> AsyncIterator[None]:
    """Keep one loop: gRPC brings the end of a call that was dropped to its loop even after that was closed."""
    yield
