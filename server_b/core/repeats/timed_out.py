"""Calls whose client gave up waiting: they run on for a while, because the client will send the same request again.

SDKs give up after a silence that they announce, and repeat the request. The repeat joins the call, or gets its answer,
in place of a second call to the provider. A client who leaves at any other moment is not expected to come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from llm_relay.client_retry import ClientRetry
from llm_relay.errors import Cancelled
from llm_relay.messages import Prompt
from server_b.core.calls.call import Call
from server_b.core.calls.call_key import Delivery, Key
from server_b.core.calls.reader import Reader
from server_b.core.repeats.fingerprint import fingerprint
from server_b.core.repeats.kept_answers import KeptAnswers

EARLY_S = 0.25
"""How much sooner than its timeout a client may seem to give up: its last bytes were on their way."""
LATE_S = 1.25
"""How much later it may seem to give up: clocks of whole seconds, and the way back."""


class _Identity(NamedTuple):
    """What a repeat has in common with the request before."""

    caller: str
    delivery: Delivery
    body_digest: str


@dataclass(slots=True)
class _Left:
    """A call that waits for the repeat of its request."""

    identity: _Identity
    call: Call | None
    """None: it has ended, and its answer is kept."""
    timer: asyncio.TimerHandle


class TimedOutCalls:
    """The calls that were left by a timeout, until they are joined or their grace is over. For one event loop."""

    def __init__(self, grace_s: float, clock: Callable[[], float]) -> None:
        """`grace_s`: how long, in seconds, a call runs on and its answer is kept; 0: not at all."""
        self._grace_s = grace_s
        self._clock = clock
        self._left: dict[Key, _Left] = {}
        self._keys: dict[_Identity, dict[Key, None]] = {}
        """The keys of `_left`, oldest first."""
        self._kept = KeptAnswers(grace_s, clock, forgotten=self._drop)

    def __len__(self) -> int:
        """How many calls wait for a repeat, those that have ended included."""
        return len(self._left)

    def expects_repeat(self, reader: Reader) -> bool:
        """Tells whether a client who leaves now has timed out, judged by its silence and its announced timeout."""
        retry = reader.client_retry
        if retry is None or retry.read_timeout_s is None or self._grace_s <= 0:
            return False
        now = self._clock()
        beyond_s = now - reader.handed_at - retry.read_timeout_s
        return -EARLY_S <= beyond_s <= LATE_S and now < reader.deadline

    def add(self, call: Call, retry: ClientRetry) -> None:
        """Lets a call that everybody has left run on until it is joined, at most for the grace."""
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
        """A call has ended; with `keep` its answer waits for the repeat as long as the grace."""
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
        """No longer waits for the repeat of a call, if it did: the call has a reader again."""
        if key in self._left:
            self._kept.forget(key)
            self._drop(key)

    def close(self) -> None:
        """Stops the calls that wait, and lets no other wait."""
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
