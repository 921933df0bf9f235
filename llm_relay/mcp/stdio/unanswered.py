"""The requests that were read and are not answered yet."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict

from mcp_types import RequestId


class UnansweredRequests:
    """Counts requests and their bytes, so that a client that sends faster than it is answered has to wait."""

    def __init__(self, *, max_count: int, max_bytes: int) -> None:
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._sizes: defaultdict[RequestId, list[int]] = defaultdict(list)
        self._bytes = 0
        self._changed = asyncio.Event()
        self.count = 0

    def add(self, request_id: RequestId, size: int) -> None:
        """Counts a request of `size` bytes. Ids should be unique, but a client may repeat one."""
        self._sizes[request_id].append(size)
        self._bytes += size
        self.count += 1

    def remove(self, request_id: RequestId) -> None:
        """Counts a request as answered or abandoned. Ignores unknown ids."""
        if request_id not in self._sizes:
            return
        sizes = self._sizes[request_id]
        self._bytes -= sizes.pop()
        if not sizes:
            del self._sizes[request_id]
        self.count -= 1
        self._changed.set()

    async def wait_for_room(self) -> None:
        """Waits until another request may be read."""
        while self.count >= self._max_count or self._bytes >= self._max_bytes:
            await self._wait_for_change()

    async def wait_for_answer(self, timeout_s: float) -> None:
        """Waits until a request is answered, `timeout_s` seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._wait_for_change()

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
