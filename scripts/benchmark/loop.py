"""The event loop of the benchmark's own programs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

import uvloop

Result = TypeVar("Result")


def run(main: Coroutine[object, object, Result]) -> Result:
    """Runs `main` on uvloop and returns its result."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
