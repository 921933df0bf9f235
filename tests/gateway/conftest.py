"""One event loop per module, so that its tests can share a gateway."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.support.gateways import gateway


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def alone(anyio_backend: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a gateway that cannot reach Server B."""
    async with gateway() as client:
        yield client
