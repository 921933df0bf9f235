"""When progress notifications are sent, and with what text."""

import asyncio
from dataclasses import dataclass, field

import pytest

from llm_relay.mcp.progress import INTERVAL_S, READ_AHEAD_CHARS, SETTLE_S, Progress

pytestmark = pytest.mark.anyio

LIMIT_S = 60.0
CLOCK_GRAIN_S = 0.01


@dataclass
class Client:
    """Records its notifications."""

    told: list[tuple[float, str | None]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def notify(self, progress: float, total: float | None, message: str | None) -> None:
        assert total is None
        self.told.append((progress, message))
        self.at.append(asyncio.get_running_loop().time())
        self.heard.set()

    async def until_told(self, times: int) -> None:
        async with asyncio.timeout(LIMIT_S):
            while len(self.told) < times:
                self.heard.clear()
                await self.heard.wait()


async def test_the_first_text_is_sent_at_once_and_the_rest_in_batches() -> None:
    client = Client()
    progress = Progress(client.notify)
    async with progress.reporting():
        progress.add("The ")
        await client.until_told(1)
        for text in ("relay ", "carries ", "words."):
            progress.add(text)
        await client.until_told(2)
    assert client.told == [(1, "The "), (2, "relay carries words.")]
    assert client.at[1] - client.at[0] >= INTERVAL_S - CLOCK_GRAIN_S


async def test_unsent_text_at_the_end_is_left_to_the_result() -> None:
    client = Client()
    progress = Progress(client.notify)
    async with progress.reporting():
        progress.add("The ")
        await client.until_told(1)
        progress.add("end.")
    assert client.told == [(1, "The ")]


async def test_the_result_keeps_its_distance_from_the_last_notification() -> None:
    client = Client()
    progress = Progress(client.notify)
    async with progress.reporting():
        progress.add("Hi")
        await client.until_told(1)
    assert asyncio.get_running_loop().time() - client.at[0] >= SETTLE_S - CLOCK_GRAIN_S


async def test_silence_is_broken_by_notifications_without_text() -> None:
    client = Client()
    progress = Progress(client.notify, heartbeat_s=0.01)
    async with progress.reporting():
        await client.until_told(2)
        progress.add("At last")
        await client.until_told(4)
    told = [message for _, message in client.told]
    assert told[:2] == [None, None]
    assert [message for message in told if message] == ["At last"]
    assert [number for number, _ in client.told] == list(range(1, len(told) + 1))


async def test_a_client_that_did_not_ask_gets_no_notifications() -> None:
    progress = Progress(None, heartbeat_s=0)
    async with progress.reporting():
        progress.add("Hi")
    assert not progress._unsent


async def test_a_failed_call_ends_the_notifications() -> None:
    client = Client()
    progress = Progress(client.notify, heartbeat_s=0)
    tasks = asyncio.all_tasks()

    async def fail() -> None:
        async with progress.reporting():
            await client.until_told(1)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert asyncio.all_tasks() == tasks


async def test_a_client_that_reads_nothing_makes_the_call_wait() -> None:
    asked, taking = asyncio.Event(), asyncio.Event()

    async def notify(progress: float, total: float | None, message: str | None) -> None:
        asked.set()
        await taking.wait()

    progress = Progress(notify)
    async with progress.reporting(), asyncio.timeout(LIMIT_S):
        progress.add("first")
        await asked.wait()
        progress.add("x" * (READ_AHEAD_CHARS + 1))
        waiting = asyncio.create_task(progress.wait_for_room())
        await asyncio.sleep(0)
        assert not waiting.done()
        taking.set()
        await waiting


async def test_a_client_that_left_makes_no_call_wait() -> None:
    async def notify(progress: float, total: float | None, message: str | None) -> None:
        raise ConnectionError

    progress = Progress(notify)
    async with progress.reporting(), asyncio.timeout(LIMIT_S):
        progress.add("x" * (READ_AHEAD_CHARS + 1))
        await progress.wait_for_room()
