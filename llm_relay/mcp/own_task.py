"""Runs a coroutine in its own task, so that grpc.aio's cancellations do not reach anyio."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


async def run_in_own_task(coroutine: Coroutine[Any, Any, T]) -> T:
    """Returns the coroutine's result. If this task is cancelled, cancels the other once and waits for its end.

    anyio recognises its own cancellations by the text of the CancelledError. grpc.aio raises one without that text,
    and anyio would then cancel everything around it: one cancelled call would end the session and all its calls.
    """
    task = asyncio.create_task(coroutine)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait([task])
        raise
    return task.result()
