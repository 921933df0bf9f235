"""Runs a program's main coroutine on the fastest event loop that is installed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from llm_relay.program.stop_signals import StoppedAtStart

YOUNG_OBJECTS = 10_000
"""How many new objects start the garbage collector. Python's default is 700, but calls leave few cycles."""

T = TypeVar("T")


def run(main: Coroutine[Any, Any, int]) -> int:
    """Runs `main` and returns its exit code: 0 if a signal ended its start, as a signal does later."""
    _let_threads_finish()
    _collect_garbage_as_usual()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            return runner.run(main)
        except StoppedAtStart:
            return 0


def run_command(main: Coroutine[Any, Any, T]) -> T:
    """Runs what a command does, on asyncio's own event loop. It is imported sooner than uvloop."""
    _collect_garbage_as_usual()
    return asyncio.run(main)


def _collect_garbage_as_usual() -> None:
    """Ends what `process_setup` began: from here on, objects do not stay for the life of the process."""
    freeze_existing_objects()
    gc.set_threshold(YOUNG_OBJECTS)


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
