"""Receives SIGINT and SIGTERM, the signals that stop a program, so that it can end in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine
from typing import Any

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


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


async def unless_signalled(work: Coroutine[Any, Any, None], signals: asyncio.Queue[signal.Signals]) -> None:
    """Runs `work` until it ends or a signal arrives. After a signal, cancels it and waits for its end."""
    working, signalled = asyncio.create_task(work), asyncio.create_task(signals.get())
    await asyncio.wait([working, signalled], return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
