"""Learns the timeout of an SDK that does not announce it, from the retry of an abandoned request.

Node's `openai` announces the timeout of a single request, but not the client's default. It retries a request that it
timed out. So the retry shows that the first request was abandoned by a timeout, and after how long.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from llm_relay.announced_retry import ClientRetry

MOST_KEPT = 1000
KEPT_S = 60.0
"""How long an abandoned request is remembered, in seconds. SDKs wait at most eight seconds before a retry."""


class LearnedTimeouts:
    """Remembers recently abandoned requests. For one event loop."""

    def __init__(self) -> None:
        self._left: dict[tuple[str, str], tuple[float, float]] = {}
        """By caller and body: when it was abandoned, in the loop's time, and after how many seconds. Oldest first."""

    def note(self, caller: str, retry: ClientRetry, *, waited_s: float) -> None:
        """Remembers that a client left after `waited_s` seconds. Does nothing if the client announced its timeout.

        A retry that times out too keeps what was learned, for the next retry.
        """
        key = (caller, retry.body_digest)
        learned = self._left.pop(key, None)
        if waited_s <= 0 or (retry.read_timeout_s is not None and learned is None):
            return
        self._left[key] = (asyncio.get_running_loop().time(), retry.read_timeout_s or waited_s)
        if len(self._left) > MOST_KEPT:
            del self._left[next(iter(self._left))]

    def known(self, caller: str, retry: ClientRetry | None) -> ClientRetry | None:
        """Returns `retry` with the timeout of the request that it repeats, if it announces none of its own."""
        if retry is None or retry.read_timeout_s is not None or not retry.retry_count:
            return retry
        left_at, waited_s = self._left.get((caller, retry.body_digest), (-KEPT_S, 0.0))
        is_known = asyncio.get_running_loop().time() - left_at < KEPT_S
        return replace(retry, read_timeout_s=waited_s) if is_known and waited_s > 0 else retry
