"""Fixtures and ordering that apply to every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Runs the asynchronous tests on asyncio, as all the programs do."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Points the default ledger at a folder of the test run, so that no test writes one into the project."""
    before = set(PROJECT.glob("relay.db*"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEDGER", f"sqlite:///{tmp_path_factory.mktemp('ledger')}/relay.db")
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))  # for programs over stdio
        yield
    assert set(PROJECT.glob("relay.db*")) == before, "a test has made a ledger in the project's folder"


LONG = ("faults", "chromium", "frameworks", "node", "slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sorts files with long tests first when several processes share the tests, so that none is left running alone."""
    if hasattr(config, "workerinput"):
        long = {item.path for item in items if any(item.get_closest_marker(name) for name in LONG)}
        items.sort(key=lambda item: item.path not in long)
