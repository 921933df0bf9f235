"""A cancelled call does not cancel its neighbours."""

import asyncio

import anyio
import pytest

from llm_relay.mcp.cancel_scopes import CancelScopes
from llm_relay.mcp.own_task import run_in_own_task

pytestmark = pytest.mark.anyio


async def call_of_grpc(cleaned: asyncio.Event) -> None:
    """Waits forever. When cancelled it cleans up, then raises a CancelledError of its own, as grpc.aio does."""
    inner = asyncio.create_task(asyncio.Event().wait())
    try:
        await asyncio.shield(inner)
    except asyncio.CancelledError:
        inner.cancel()
        await asyncio.wait([inner])
        cleaned.set()
        raise asyncio.CancelledError from None


async def test_a_cancelled_call_is_cleaned_up_and_leaves_its_neighbours_alone() -> None:
    cleaned = asyncio.Event()
    scopes = CancelScopes()
    release = asyncio.Event()
    ended: list[str] = []

    async def cancelled() -> None:
        with scopes.scope():
            await run_in_own_task(call_of_grpc(cleaned))
        ended.append("cancelled")
        assert cleaned.is_set()
        release.set()

    async def neighbour() -> None:
        await release.wait()
        ended.append("neighbour")

    async with asyncio.timeout(10), anyio.create_task_group() as tasks:
        tasks.start_soon(cancelled)
        tasks.start_soon(neighbour)
        await asyncio.sleep(0)
        scopes.cancel()
    assert ended == ["cancelled", "neighbour"]


async def test_a_result_and_an_error_pass_through() -> None:
    async def answer() -> int:
        return 42

    async def fail() -> None:
        raise LookupError("42")

    assert await run_in_own_task(answer()) == 42
    with pytest.raises(LookupError, match="42"):
        await run_in_own_task(fail())
