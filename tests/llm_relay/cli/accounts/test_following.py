"""`relay calls --follow` continues after an interruption, such as a restart of Server B."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import LedgerUnavailable, Overloaded, RelayError
from llm_relay.messages import Prompt
from llm_relay.messages.accounts import CallEntry, CallState
from server_b.ledger.base import LiveCalls
from tests.support.memory_ledger import MemoryLedger
from tests.support.ports import free_port
from tests.support.programs import running
from tests.support.relay_command import relay, started
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

PATIENCE_S = 60


async def _line_of_a_call(target: str, process: asyncio.subprocess.Process) -> str:
    """Makes calls until the command shows one; returns the line of its end."""
    assert process.stdout is not None
    reading = asyncio.create_task(process.stdout.readline())
    async with RelayClient(Dial(target=target)) as client:
        while not reading.done():
            await client.process(Prompt(message="Hi"))
            await asyncio.wait([reading], timeout=0.05)
    return str(json.loads(reading.result())["model"])


async def test_following_continues_after_a_restart_of_the_server(tmp_path: Path) -> None:
    settings = {"MOCK_DELAY_SECONDS": "0", "GRPC_PORT": str(free_port())}
    async with asyncio.timeout(PATIENCE_S), running(tmp_path, "server_b", **settings) as first:
        target = first.address
        async with started(tmp_path, "calls", "--follow", "--json", SERVER_B_TARGET=target) as process:
            assert await _line_of_a_call(target, process) == "mock-model"
            await first.stop()
            assert process.stderr is not None
            assert b"waiting for it" in await process.stderr.readline()
            async with running(tmp_path, "server_b", **settings):
                assert await _line_of_a_call(target, process) == "mock-model"
            assert process.returncode is None


SEEN = CallEntry(
    id="c1", request_id="r1", caller="alice", model="seen", state=CallState.OPEN, started_at=datetime.now(UTC)
)


class Interrupting(MemoryLedger):
    """Ends the first follower with an error, and shows a call to the second."""

    def __init__(self, error: RelayError) -> None:
        super().__init__()
        self.error = error
        self.follows = 0

    async def follow(self) -> AsyncGenerator[LiveCalls, None]:
        self.follows += 1
        yield LiveCalls()
        if self.follows == 1:
            raise self.error
        yield LiveCalls(changed=[SEEN])
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Overloaded(), b"faster than this command can show them (OVERLOADED): watching again"),
        (LedgerUnavailable(), b"the ledger cannot be read (LEDGER_UNAVAILABLE): waiting for it"),
    ],
)
async def test_an_interrupted_command_says_so_and_watches_again(tmp_path: Path, error: RelayError, text: bytes) -> None:
    async with (
        asyncio.timeout(PATIENCE_S),
        serving(ledger=Interrupting(error)) as server,
        started(tmp_path, "calls", "--follow", "--json", SERVER_B_TARGET=server.target) as process,
    ):
        assert process.stdout is not None
        assert json.loads(await process.stdout.readline())["model"] == "seen"
        assert process.stderr is not None
        assert text in await process.stderr.readline()


async def test_a_server_that_was_never_there_is_reported_at_once(tmp_path: Path) -> None:
    async with started(tmp_path, "calls", "--follow", SERVER_B_TARGET="127.0.0.1:1") as process:
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 3


@pytest.mark.parametrize("option", ["--since", "--until"])
async def test_what_is_followed_has_no_times(tmp_path: Path, option: str) -> None:
    done = await relay(tmp_path, "calls", "--follow", option, "1d", SERVER_B_TARGET="127.0.0.1:1")
    assert (done.code, done.err) == (2, "relay: --follow: shows only calls from now on; remove --since and --until\n")
