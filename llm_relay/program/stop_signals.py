"""Receives SIGINT and SIGTERM, the signals that stop a program, so that it can end in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from typing import Any

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StoppedAtStart(Exception):
    """A signal ended a program before it served."""


async def stopping_signals() -> asyncio.Queue[signal.Signals]:
    """Returns a queue that receives SIGINT and SIGTERM in place of their usual effect."""
    received: asyncio.Queue[signal.Signals] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        if sys.platform == "win32":
            signal.signal(number, lambda got, _: loop.call_soon_threadsafe(received.put_nowait, signal.Signals(got)))
        else:
            loop.add_signal_handler(number, received.put_nowait, number)
    return received


@contextlib.asynccontextmanager
async def starting(signals: asyncio.Queue[signal.Signals]) -> AsyncIterator[None]:
    """Ends the block at the first signal: cancels what it waits for, and raises StoppedAtStart.

    Everything that a program waits for between `stopping_signals` and serving belongs in such a block.
    """
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("only a task can be cancelled")
    signalled, is_over = asyncio.create_task(signals.get()), False

    def cancel(done: asyncio.Task[signal.Signals]) -> None:
        if not (is_over or done.cancelled()):  # removing this callback has no effect once it is scheduled
            task.cancel()

    signalled.add_done_callback(cancel)
    try:
        yield
    except asyncio.CancelledError:
        if not signalled.done():
            raise
        task.uncancel()
    finally:
        is_over = True
        signalled.cancel()
    if signalled.done() and not signalled.cancelled():
        raise StoppedAtStart


async def unless_signalled(work: Coroutine[Any, Any, None], signals: asyncio.Queue[signal.Signals]) -> None:
    """Runs `work` until it ends or a signal arrives. After a signal, cancels it and waits for its end."""
    working, signalled = asyncio.create_task(work), asyncio.create_task(signals.get())
    await asyncio.wait([working, signalled], return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
