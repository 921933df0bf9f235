"""An event loop whose time a test can stop and advance."""

import asyncio
import contextlib
from collections.abc import Iterator


class HeldLoop(asyncio.SelectorEventLoop):
    """Runs by the clock until its time is held; then time passes only by `advance`."""

    def __init__(self) -> None:
        super().__init__()
        self._held_at: float | None = None
        self._ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self._ahead_s if self._held_at is None else self._held_at

    def advance(self, seconds: float) -> None:
        """Advances held time by so much; due timers fire in the loop's next turn."""
        assert self._held_at is not None, "hold the time first"
        self._held_at += seconds

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Holds the time at a whole second, so that sums of small numbers are exact."""
        self._held_at = float(int(self.time()) + 1)
        try:
            yield
        finally:
            self._ahead_s, self._held_at = self._held_at - super().time(), None


def held_loop() -> HeldLoop:
    """Returns the running loop of a test whose backend is HELD_TIME."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, HeldLoop)
    return loop


HELD_TIME = "asyncio", {"loop_factory": HeldLoop}
"""What a module's `anyio_backend` fixture returns to run its tests on a HeldLoop."""
