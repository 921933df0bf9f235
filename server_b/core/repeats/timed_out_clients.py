"""Calls whose client timed out. They continue for a while, because the client will repeat the request.

SDKs announce how long a silence they accept, time out after it, and repeat the request. The repeat joins the call or
gets its answer, so that no second call to the provider is made. A client that leaves at another moment is not expected
back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from llm_relay.announced_retry import ClientRetry
from llm_relay.errors import Cancelled
from llm_relay.messages import Prompt
from server_b.core.calls.call import Call
from server_b.core.calls.call_key import Delivery, Key
from server_b.core.calls.reader import Reader
from server_b.core.repeats.fingerprint import fingerprint
from server_b.core.repeats.kept_answers import KeptAnswers

EARLY_S = 0.25
"""How much before its timeout a client may seem to leave, because our last bytes took time to reach it; seconds."""
LATE_S = 1.25
"""How much after its timeout a client may seem to leave: some clocks count whole seconds, and networks delay it."""


class _Identity(NamedTuple):
    """What a repeat has in common with the first request."""

    caller: str
    delivery: Delivery
    body_digest: str


@dataclass(slots=True)
class _Left:
    """A call that waits for the repeat of its request."""

    identity: _Identity
    call: Call | None
    """None: the call has ended, and its answer is kept."""
    timer: asyncio.TimerHandle


class TimedOutCalls:
    """Calls whose client timed out, until a repeat joins them or their grace period ends. For one event loop."""

    def __init__(self, grace_s: float, clock: Callable[[], float]) -> None:
        """`grace_s` is how long such a call continues and its answer is kept, in seconds; 0: not at all."""
        self._grace_s = grace_s
        self._clock = clock
        self._left: dict[Key, _Left] = {}
        self._keys: dict[_Identity, dict[Key, None]] = {}
        """The keys of `_left`, oldest first."""
        self._kept = KeptAnswers(grace_s, clock, forgotten=self._drop)

    def __len__(self) -> int:
        """Number of calls that wait for a repeat, including those that have ended."""
        return len(self._left)

    def expects_repeat(self, reader: Reader) -> bool:
        """Tells whether a client that leaves now has timed out, judging by the silence and its announced timeout."""
        retry = reader.client_retry
        if retry is None or retry.read_timeout_s is None or self._grace_s <= 0:
            return False
        now = self._clock()
        beyond_s = now - reader.handed_at - retry.read_timeout_s
        return -EARLY_S <= beyond_s <= LATE_S and now < reader.deadline

    def add(self, call: Call, retry: ClientRetry) -> None:
        """Lets a call without readers continue until a repeat joins it, at most for the grace period."""
        self.forget(call.key)
        identity = _Identity(call.key.caller, call.key.delivery, retry.body_digest)
        timer = asyncio.get_running_loop().call_later(self._grace_s, self._give_up, call)
        self._left[call.key] = _Left(identity, call, timer)
        self._keys.setdefault(identity, {})[call.key] = None

    def take(self, key: Key, prompt: Prompt, retry: ClientRetry) -> Call | None:
        """Returns the oldest call that this request repeats, running or ended; no other repeat gets it."""
        if retry.retry_count == 0 or not self._left:
            return None
        same = fingerprint(prompt)
        identity = _Identity(key.caller, key.delivery, retry.body_digest)
        for left_key in tuple(self._keys.get(identity, ())):
            if (call := self._joinable(left_key, prompt, same)) is not None:
                self.forget(left_key)
                return call
        return None

    def _joinable(self, key: Key, prompt: Prompt, same: bytes) -> Call | None:
        left = self._left.get(key)
        if left is None or (call := left.call) is None:
            answer = self._kept.find(key)
            return answer.call(key, prompt) if answer is not None and answer.fingerprint == same else None
        return None if call.is_stopping or fingerprint(call.prompt) != same else call

    def ended(self, call: Call, *, keep: bool) -> None:
        """Records that a call has ended. With `keep`, its answer is kept for the repeat for the grace period."""
        left = self._left.get(call.key) if self._left else None
        if left is None or left.call is not call:
            return
        left.timer.cancel()
        left.call = None
        if keep:
            self._kept.keep(call)
        if call.key not in self._kept:
            self._drop(call.key)

    def forget(self, key: Key) -> None:
        """Stops waiting for the repeat of a call, because the call has a reader again."""
        if key in self._left:
            self._kept.forget(key)
            self._drop(key)

    def close(self) -> None:
        """Stops the calls that wait for a repeat, and lets no further call wait."""
        self._grace_s = 0.0
        for left in list(self._left.values()):
            if left.call is not None:
                self._give_up(left.call)
        self._kept.close()
        self._left.clear()
        self._keys.clear()

    def _give_up(self, call: Call) -> None:
        self._drop(call.key)
        call.stop(Cancelled())

    def _drop(self, key: Key) -> None:
        if (left := self._left.pop(key, None)) is None:
            return
        left.timer.cancel()
        keys = self._keys[left.identity]
        del keys[key]
        if not keys:
            del self._keys[left.identity]
