"""The streams of activity that run: they never end by themselves, so they are ended when the gateway stops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Watchers:
    """Knows the streams that run."""

    def __init__(self) -> None:
        self._timeouts: set[asyncio.Timeout] = set()
        self._stopped = False

    @contextlib.asynccontextmanager
    async def until_stopped(self) -> AsyncIterator[None]:
        """Runs the block until it ends or the gateway stops, which is no error."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0 if self._stopped else None) as timeout:
                self._timeouts.add(timeout)
                try:
                    yield
                finally:
                    self._timeouts.discard(timeout)

    def stop(self) -> None:
        """Ends the streams, and each that begins from now on."""
        self._stopped = True
        for timeout in self._timeouts:
            timeout.reschedule(asyncio.get_running_loop().time())
