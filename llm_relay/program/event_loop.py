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
"""How many new objects start the garbage collector. Python's default is 700, but calls leave few cycles."""


def run(main: Coroutine[Any, Any, int]) -> int:
    """Runs `main` and returns its exit code."""
    _let_threads_finish()
    freeze_existing_objects()
    gc.set_threshold(YOUNG_OBJECTS)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def freeze_existing_objects() -> None:
    """Makes the garbage collector ignore all objects that exist now. Called when a program starts, and when it serves.

    Imported modules stay for the life of the program, and scanning them repeatedly would lengthen the pauses.
    """
    gc.freeze()


def _let_threads_finish() -> None:
    """Asks Linux not to interrupt a running thread when another one gets work. Later threads inherit this.

    gRPC's threads and the event loop's thread wake each other at each step of a call. If they share a core, it saves
    CPU to switch when a thread is done instead of at once. If a core is free, a thread still starts at once.
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
    """Runs `work` until it ends or a signal arrives. After a signal, cancels it and waits for its end."""
    working, signalled = asyncio.create_task(work), asyncio.create_task(signals.get())
    await asyncio.wait([working, signalled], return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
