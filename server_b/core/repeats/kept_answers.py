"""Answers that are kept for callers who repeat a request: for a limited time, within limited memory."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from llm_relay.messages import Finished, OutputDelta, Prompt, Started
from server_b.core.answer.deltas import delta_bytes
from server_b.core.answer.packing import packed, unpacked
from server_b.core.answer.transcript import Transcript
from server_b.core.calls.call import Call
from server_b.core.calls.call_key import Delivery, Key
from server_b.core.repeats.fingerprint import fingerprint

MAX_KEPT_BYTES = 32 * 1024 * 1024
"""Memory that all kept answers may take; the oldest are dropped first."""
KEPT_BYTES = 1_500
"""Memory of a kept answer besides its text: a dozen small objects."""


class KeptAnswer(NamedTuple):
    """The part of a call that a repeat needs."""

    fingerprint: bytes
    """Fingerprint of the prompt."""
    entry_id: str
    """The gate's id of the call."""
    started: Started
    finished: Finished
    deltas: tuple[OutputDelta, ...]

    def call(self, key: Key, prompt: Prompt) -> Call:
        """Returns an ended call, which the caller who repeats the request reads."""
        call = Call(key, prompt, self.started.provider)
        call.started, call.finished, call.entry_id = self.started, self.finished, self.entry_id
        call.transcript = Transcript(self.deltas)
        return call


_PlainKey: TypeAlias = tuple[str, str, str]
_Entry: TypeAlias = tuple[float, int, bytes, str, Any]
"""Expiry time, weight, fingerprint of the prompt, entry_id, and the packed answer (see packing.py)."""


class KeptAnswers:
    """Answers by key, for `keep_s` seconds each. Used on one running event loop."""

    def __init__(
        self,
        keep_s: float,
        clock: Callable[[], float],
        *,
        max_bytes: int = MAX_KEPT_BYTES,
        forgotten: Callable[[Key], None] | None = None,
    ) -> None:
        """`forgotten` is called with the key of each answer that is dropped, except at `close`."""
        self._keep_s = keep_s
        self._forgotten = forgotten
        self._max_bytes = max_bytes
        self._clock = clock
        self._kept: OrderedDict[_PlainKey, _Entry] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self.bytes = 0
        """Memory that the kept answers take."""

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: Key) -> bool:
        return _plain(key) in self._kept

    def find(self, key: Key) -> KeptAnswer | None:
        """Returns the answer that is kept under this key, if any."""
        self._forget_old()
        entry = self._kept.get(_plain(key))
        return KeptAnswer(entry[2], entry[3], *unpacked(entry[4])) if entry else None

    def keep(self, call: Call) -> None:
        """Keeps the answer of a call that has ended well."""
        if self._keep_s <= 0 or call.started is None or call.finished is None:
            return
        deltas = call.transcript.deltas
        weight = KEPT_BYTES + sum(map(delta_bytes, deltas))
        key = _plain(call.key)
        self._forget(key)
        answer = packed((call.started, call.finished, deltas))
        self._kept[key] = (self._clock() + self._keep_s, weight, fingerprint(call.prompt), call.entry_id, answer)
        self.bytes += weight
        self._forget_old()
        self._schedule_expiry()

    def forget(self, key: Key) -> None:
        """Forgets the answer that is kept under this key, if there is one."""
        self._forget(_plain(key))

    def close(self) -> None:
        """Forgets everything."""
        if self._timer is not None:
            self._timer.cancel()
        self._kept.clear()
        self.bytes = 0

    def _forget(self, key: _PlainKey) -> None:
        if (entry := self._kept.pop(key, None)) is not None:
            self.bytes -= entry[1]
            if self._forgotten is not None:
                self._forgotten(Key(key[0], key[1], Delivery(key[2])))

    def _forget_old(self) -> None:
        now = self._clock()
        while self._kept:
            key, (expires_at, *_) = next(iter(self._kept.items()))
            if expires_at > now and self.bytes <= self._max_bytes:
                return
            self._forget(key)

    def _schedule_expiry(self) -> None:
        """Sets a timer that drops the oldest answer when it expires, even if no other call arrives."""
        if self._timer is None and self._kept:
            expires_at, *_ = next(iter(self._kept.values()))
            wait_s = max(0.0, expires_at - self._clock())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._forget_old()
        self._schedule_expiry()


def _plain(key: Key) -> _PlainKey:
    """Returns the key as a tuple of strings, which the garbage collector does not track either."""
    return key.caller, key.request_id, key.delivery.value
