"""When an SDK that does not announce its timeout gives up: told by the repeat of a request that was left before.

Node's `openai` announces the timeout of a single request, but not the one of the client. It repeats what it has timed
out by itself, so the repeat tells that the request before was left by a timeout, and after how long.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from llm_relay.client_retry import ClientRetry

MOST_KEPT = 1000
KEPT_S = 60.0
"""SDKs wait for eight seconds at most before they repeat a request."""


class LearnedTimeouts:
    """Remembers the requests that were left lately. For one event loop."""

    def __init__(self) -> None:
        self._left: dict[tuple[str, str], tuple[float, float]] = {}
        """By caller and body: when, in the event loop's time, and after how many seconds. Oldest first."""

    def note(self, caller: str, retry: ClientRetry, *, waited_s: float) -> None:
        """Remembers that a client has left, `waited_s` after it asked; nothing where it has announced its timeout.

        A repeat keeps what was learned, so that the repeat after it, a timeout later, has that too.
        """
        key = (caller, retry.body_digest)
        learned = self._left.pop(key, None)
        if waited_s <= 0 or (retry.read_timeout_s is not None and learned is None):
            return
        self._left[key] = (asyncio.get_running_loop().time(), retry.read_timeout_s or waited_s)
        if len(self._left) > MOST_KEPT:
            del self._left[next(iter(self._left))]

    def known(self, caller: str, retry: ClientRetry | None) -> ClientRetry | None:
        """Returns it with the timeout of the request that it repeats, where it has none of its own."""
        if retry is None or retry.read_timeout_s is not None or not retry.retry_count:
            return retry
        left_at, waited_s = self._left.get((caller, retry.body_digest), (-KEPT_S, 0.0))
        is_known = asyncio.get_running_loop().time() - left_at < KEPT_S
        return replace(retry, read_timeout_s=waited_s) if is_known and waited_s > 0 else retry
