"""The running activity streams. They never end by themselves, so the gateway ends them when it stops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Watchers:
    """Keeps track of the running streams."""

    def __init__(self) -> None:
        self._timeouts: set[asyncio.Timeout] = set()
        self._stopped = False

    @contextlib.asynccontextmanager
    async def until_stopped(self) -> AsyncIterator[None]:
        """Runs the block until it ends or the gateway stops. The stop is not an error."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0 if self._stopped else None) as timeout:
                self._timeouts.add(timeout)
                try:
                    yield
                finally:
                    self._timeouts.discard(timeout)

    def stop(self) -> None:
        """Ends all streams, including new ones."""
        self._stopped = True
        for timeout in self._timeouts:
            timeout.reschedule(asyncio.get_running_loop().time())
