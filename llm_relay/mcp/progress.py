"""Progress notifications: an answer's text as it comes, and a sign of life while there is none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

INTERVAL_S = 0.1
"""Least time between two notifications."""
HEARTBEAT_S = 10.0
"""Longest silence: clients give up after 60 s, some of them unless they hear of progress."""
SETTLE_S = 0.03
"""Least time between the last notification and the result: TypeScript clients lose progress that comes with it."""

READ_AHEAD_CHARS = 256 * 1024
"""How much text a client may leave untold, before the call is made to wait."""

Send = Callable[[float, float | None, str | None], Awaitable[None]]
"""Sends one notification: progress, total, message."""


class Progress:
    """Tells a client how its call gets on: the first text at once, then what has gathered each INTERVAL_S.

    What has not been told by the end is left to the result.
    """

    def __init__(self, send: Send | None, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        """`send` None: the client did not ask to be told. `heartbeat_s` is the longest silence, in seconds."""
        self._send = send
        self._heartbeat_s = heartbeat_s
        self._untold: list[str] = []
        self._untold_chars = 0
        self._more = asyncio.Event()
        self._told = asyncio.Event()
        self._told_count = 0
        self._told_at = -SETTLE_S
        self._now = asyncio.get_running_loop().time

    def add(self, text: str) -> None:
        """Has more text told."""
        if self._send is not None:
            self._untold.append(text)
            self._untold_chars += len(text)
            self._more.set()

    async def room(self) -> None:
        """Waits until the client has taken enough of what was added."""
        while self._untold_chars > READ_AHEAD_CHARS:
            self._told.clear()
            await self._told.wait()

    @contextlib.asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """Tells of progress while the block runs; afterwards a result may be sent."""
        if self._send is None:
            yield
            return
        telling = asyncio.create_task(self._tell(self._send))
        telling.add_done_callback(self._tell_no_more)
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.wait([telling])
            await asyncio.sleep(self._told_at + SETTLE_S - self._now())

    def _tell_no_more(self, _: asyncio.Task[None]) -> None:
        self._send = None
        self._untold_chars = 0
        self._told.set()

    async def _tell(self, send: Send) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._heartbeat_s):
                    await self._more.wait()
            text = "".join(self._untold)
            self._untold.clear()
            self._untold_chars = 0
            self._more.clear()
            self._told_count += 1
            try:
                await send(self._told_count, None, text or None)
            finally:
                self._told_at = self._now()
                self._told.set()
            await asyncio.sleep(INTERVAL_S)
