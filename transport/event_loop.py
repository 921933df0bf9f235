"""Runs a program's main coroutine on the fastest event loop that is installed, until it ends or is told to stop."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(main: Coroutine[Any, Any, int]) -> int:
    """Runs `main` and returns its exit code."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None  # uvloop has no Windows build
    import uvloop

    return uvloop.new_event_loop


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
