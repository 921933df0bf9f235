"""A Server B in the test's process, behind a provider that the test watches."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.memory_ledger import MemoryLedger
from tests.support.scripted import ScriptedProvider, Step
from tests.support.serving import serving


@dataclass(frozen=True)
class Behind:
    """The programs behind Server A."""

    provider: ScriptedProvider
    target: str
    folder: Path


OpenBehind = Callable[..., AbstractAsyncContextManager[Behind]]


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> OpenBehind:
    """Opens a Server B whose provider plays the given script; without one it says Hello."""

    @contextlib.asynccontextmanager
    async def open_behind(*script: Step, tokens: str = "", delegates: tuple[str, ...] = ()) -> AsyncIterator[Behind]:
        provider = ScriptedProvider(script) if script else ScriptedProvider()
        async with serving(provider, tokens=tokens, delegates=delegates, ledger=MemoryLedger()) as server_b:
            yield Behind(provider, server_b.target, tmp_path_factory.mktemp("server_a"))

    return open_behind
