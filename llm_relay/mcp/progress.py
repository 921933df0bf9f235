"""Progress notifications: an answer's text as it arrives, and a heartbeat while there is none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

INTERVAL_S = 0.1
"""Shortest time between two notifications."""
HEARTBEAT_S = 10.0
"""Longest silence. Clients give up after 60 s, some of them only if they receive no progress."""
SETTLE_S = 0.03
"""Shortest time between the last notification and the result: TypeScript clients lose progress that arrives with it."""

READ_AHEAD_CHARS = 256 * 1024
"""How much text may wait for a slow client before its call is made to wait."""

Notify = Callable[[float, float | None, str | None], Awaitable[None]]
"""Sends one notification: progress, total, message."""


class Progress:
    """Reports a call's text to its client: the first text at once, then the new text every INTERVAL_S.

    Text that is still unsent when the call ends is only in the result.
    """

    def __init__(self, notify: Notify | None, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        """`notify` is None if the client asked for no progress. `heartbeat_s` is the longest silence, in seconds."""
        self._notify = notify
        self._heartbeat_s = heartbeat_s
        self._unsent: list[str] = []
        self._unsent_chars = 0
        self._has_text = asyncio.Event()
        self._was_sent = asyncio.Event()
        self._count = 0
        self._now = asyncio.get_running_loop().time
        self._last_sent_at = self._now() - SETTLE_S

    def add(self, text: str) -> None:
        """Adds text to report."""
        if self._notify is not None:
            self._unsent.append(text)
            self._unsent_chars += len(text)
            self._has_text.set()

    async def wait_for_room(self) -> None:
        """Waits until the client has received enough of the added text."""
        while self._unsent_chars > READ_AHEAD_CHARS:
            self._was_sent.clear()
            await self._was_sent.wait()

    @contextlib.asynccontextmanager
    async def reporting(self) -> AsyncIterator[None]:
        """Reports progress while the block runs. After the block a result may be sent."""
        if self._notify is None:
            yield
            return
        reports = asyncio.create_task(self._report(self._notify))
        reports.add_done_callback(self._stop_waiting)
        try:
            yield
        finally:
            reports.cancel()
            await asyncio.wait([reports])
            await asyncio.sleep(self._last_sent_at + SETTLE_S - self._now())

    def _stop_waiting(self, _: asyncio.Task[None]) -> None:
        self._notify = None
        self._unsent_chars = 0
        self._was_sent.set()

    async def _report(self, notify: Notify) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._heartbeat_s):
                    await self._has_text.wait()
            text = "".join(self._unsent)
            self._unsent.clear()
            self._unsent_chars = 0
            self._has_text.clear()
            self._count += 1
            try:
                await notify(self._count, None, text or None)
            finally:
                self._last_sent_at = self._now()
                self._was_sent.set()
            await asyncio.sleep(INTERVAL_S)
