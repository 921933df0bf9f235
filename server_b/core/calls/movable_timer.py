"""A timer that can be moved often: moving it to a later time costs next to nothing."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable


class MovableTimer:
    """Calls a function when its time has come. Must be created and used on one running event loop."""

    __slots__ = ("_loop", "_passed", "_set_for", "_timer", "when")

    def __init__(self, passed: Callable[[], None]) -> None:
        """`passed` is called when the time has come. The timer can then be moved again."""
        self._loop = asyncio.get_running_loop()
        self._passed = passed
        self._timer: asyncio.TimerHandle | None = None
        self._set_for = math.inf
        self.when = math.inf
        """In the event loop's time; inf: never."""

    def move(self, when: float) -> None:
        """Sets the timer to `when`, in the event loop's time."""
        self.when = when
        # A loop timer that fires too early is set again then, so moving with every token seldom sets one.
        if when < self._set_for:
            self._set_timer()

    def stop(self) -> None:
        """Stops the timer."""
        self.when = math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._set_for = None, math.inf

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._set_for = self.when
        self._timer = self._loop.call_at(self.when, self._ring) if self.when < math.inf else None

    def _ring(self) -> None:
        self._timer, self._set_for = None, math.inf
        if self._loop.time() < self.when:
            self._set_timer()
        else:
            self.when = math.inf
            self._passed()
