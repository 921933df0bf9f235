"""Streams that never end by themselves end when the gateway stops."""

import asyncio

import pytest

from gateway.ui.watchers import Watchers

pytestmark = pytest.mark.anyio

PATIENCE_S = 60


async def test_running_and_later_streams_end_when_the_gateway_stops() -> None:
    watchers, begun = Watchers(), asyncio.Event()

    async def watch() -> None:
        async with watchers.until_stopped():
            begun.set()
            await asyncio.Event().wait()

    async with asyncio.timeout(PATIENCE_S):
        running = asyncio.create_task(watch())
        await begun.wait()
        watchers.stop()
        await running
        await watch()
