"""Runs a program's main coroutine on the fastest event loop that is installed, until it ends or is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
YOUNG_OBJECTS = 10_000
"""How many new objects there are before the garbage collector runs, instead of 700: calls leave few cycles."""


def run(main: Coroutine[Any, Any, int]) -> int:
    """Runs `main` and returns its exit code."""
    _let_threads_finish()
    spare_what_is_there()
    gc.set_threshold(YOUNG_OBJECTS)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def spare_what_is_there() -> None:
    """Tells the garbage collector to ignore all objects that exist when a program begins to run, or to serve.

    Imported modules stay for the life of the program; scanning them again and again doubled the longest pauses.
    """
    gc.freeze()


def _let_threads_finish() -> None:
    """Asks Linux not to interrupt one thread for another that has just got work; those that start later inherit it.

    gRPC's threads wake the event loop's for each step of a call, and are woken by it: taking turns when they are done,
    instead of at once, saves nine switches and a sixth of a call's CPU where they share a core. A thread still starts
    at once where a core is free.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # as on Windows, for which it is not built
        return None
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


async def unless_signalled(work: Coroutine[Any, Any, None], signals: asyncio.Queue[signal.Signals]) -> None:
    """Runs `work` to its end, or until a signal comes: then cancels it, and waits for what it does about that."""
    working, impatient = asyncio.create_task(work), asyncio.create_task(signals.get())
    await asyncio.wait([working, impatient], return_when=asyncio.FIRST_COMPLETED)
    impatient.cancel()
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
