"""The answers that are kept for a caller who asks again: within a bound of memory, and for a time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from llm_relay.messages import Finished, OutputDelta, Prompt, Started
from server_b.core.call import Call
from server_b.core.deltas import delta_bytes
from server_b.core.fingerprint import fingerprint
from server_b.core.key import Key
from server_b.core.transcript import Transcript

MAX_KEPT_BYTES = 32 * 1024 * 1024
"""How much memory the kept answers may take in all; the oldest go first."""
KEPT_BYTES = 1_500
"""What a kept answer takes beside its text: a dozen small objects."""


class KeptAnswer(NamedTuple):
    """No more of a call than a repeat needs, because there are thousands."""

    expires_at: float
    fingerprint: bytes
    started: Started
    finished: Finished
    deltas: tuple[OutputDelta, ...]
    weight: int

    def call(self, key: Key, prompt: Prompt) -> Call:
        """Makes the call that a caller who asks again reads; it has ended."""
        call = Call(key, prompt, self.started.provider)
        call.started, call.finished = self.started, self.finished
        call.transcript = Transcript(self.deltas)
        return call


class KeptAnswers:
    """Answers by key, for `keep_s` seconds each. Used on one running event loop."""

    def __init__(self, keep_s: float, clock: Callable[[], float], *, max_bytes: int = MAX_KEPT_BYTES) -> None:
        self._keep_s = keep_s
        self._max_bytes = max_bytes
        self._clock = clock
        self._kept: OrderedDict[Key, KeptAnswer] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self.bytes = 0
        """What they take in memory."""

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, key: Key) -> KeptAnswer | None:
        """Returns the answer that is kept under this key, if any."""
        self._forget_old()
        return self._kept.get(key)

    def keep(self, call: Call) -> None:
        """Keeps the answer of a call that has ended well."""
        if self._keep_s <= 0 or call.started is None or call.finished is None:
            return
        deltas = call.transcript.deltas
        weight = KEPT_BYTES + sum(map(delta_bytes, deltas))
        expires_at = self._clock() + self._keep_s
        answer = KeptAnswer(expires_at, fingerprint(call.prompt), call.started, call.finished, deltas, weight)
        self._forget(call.key)
        self._kept[call.key] = answer
        self.bytes += weight
        self._forget_old()
        self._see_to_the_oldest()

    def close(self) -> None:
        """Forgets everything."""
        if self._timer is not None:
            self._timer.cancel()
        self._kept.clear()
        self.bytes = 0

    def _forget(self, key: Key) -> None:
        if (answer := self._kept.pop(key, None)) is not None:
            self.bytes -= answer.weight

    def _forget_old(self) -> None:
        now = self._clock()
        while self._kept:
            key, answer = next(iter(self._kept.items()))
            if answer.expires_at > now and self.bytes <= self._max_bytes:
                return
            self._forget(key)

    def _see_to_the_oldest(self) -> None:
        """Sets the timer by which the oldest goes when its time is over, without another call."""
        if self._timer is None and self._kept:
            oldest = next(iter(self._kept.values()))
            wait_s = max(0.0, oldest.expires_at - self._clock())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._forget_old()
        self._see_to_the_oldest()
