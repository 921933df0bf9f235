"""Cancelling all scopes at once."""

import asyncio

import pytest

from llm_relay.mcp.cancel_scopes import CancelScopes

pytestmark = pytest.mark.anyio


async def test_all_scopes_are_cancelled_at_once_and_later_ones_too() -> None:
    scopes = CancelScopes()
    left: list[int] = []

    async def wait(number: int) -> None:
        with scopes.scope():
            await asyncio.Event().wait()
        left.append(number)

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for number in range(3):
            tasks.create_task(wait(number))
        await asyncio.sleep(0)
        assert not left
        scopes.cancel()
        tasks.create_task(wait(3))
    assert sorted(left) == [0, 1, 2, 3]
