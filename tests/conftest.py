"""What every test shares."""

from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run the asynchronous tests on asyncio: what all the programs run on."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a test opens by Server B's settings writes into a ledger of the test run, and never into the project."""
    before = set(PROJECT.glob("relay.db*"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEDGER", f"sqlite:///{tmp_path_factory.mktemp('ledger')}/relay.db")
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))  # for programs over stdio
        yield
    assert set(PROJECT.glob("relay.db*")) == before, "a test has made a ledger in the project's folder"


LONG = ("faults", "chromium", "frameworks", "node", "slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Has the files with long tests run first where several processes share the tests, so that none is last alone."""
    if hasattr(config, "workerinput"):
        long = {item.path for item in items if any(item.get_closest_marker(name) for name in LONG)}
        items.sort(key=lambda item: item.path not in long)
