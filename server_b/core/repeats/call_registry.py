"""The running calls and the kept answers, by key."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages import Prompt
from server_b.core.calls.call import Call
from server_b.core.calls.call_key import Delivery, Key
from server_b.core.repeats.fingerprint import fingerprint
from server_b.core.repeats.kept_answers import KeptAnswers

RECOUNT_S = 0.1
"""How old the sum of the running calls' memory may be, in seconds."""


class CallRegistry:
    """Calls by key. A running call can be joined; the answer of one that ended well is kept for `keep_s` seconds."""

    def __init__(self, keep_s: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._running: dict[Key, Call] = {}
        self._all_running: set[Call] = set()
        self._running_bytes = 0
        self._recount_at = 0.0
        self.kept = KeptAnswers(keep_s, clock)

    def __len__(self) -> int:
        """Number of running calls, including those that are being stopped."""
        return len(self._all_running)

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._all_running))

    @property
    def running_bytes(self) -> int:
        """Memory that the running calls take. What arrived in the last RECOUNT_S seconds may be missing."""
        now = self._clock()
        if now >= self._recount_at:
            self._running_bytes = sum(call.weight for call in self._all_running)
            self._recount_at = now + RECOUNT_S
        return self._running_bytes

    def find(self, key: Key, prompt: Prompt) -> Call | None:
        """Returns the running or kept call with this key, if any. Raises InvalidRequest if its prompt differs."""
        call = self._running.get(key)
        if call is not None and call.stopped is None:
            same = call.prompt == prompt or fingerprint(call.prompt) == fingerprint(prompt)
        elif (answer := self.kept.find(key)) is not None:
            call, same = answer.call(key, prompt), answer.fingerprint == fingerprint(prompt)
        else:  # a call that all readers left cannot be joined
            return None
        if not same:
            fix = "was used for another request; use a new one, or repeat the same parameters"
            error = InvalidRequest.of(Violation("request_id", fix))
            error.request_id = key.request_id
            raise error
        return call

    def find_running(self, caller: str, request_id: str) -> list[Call]:
        """Returns this caller's running calls with that id."""
        keys = (Key(caller, request_id, delivery) for delivery in Delivery)
        return [self._running[key] for key in keys if key in self._running]

    def add(self, call: Call) -> None:
        """Adds a running call."""
        self._running[call.key] = call
        self._all_running.add(call)
        self._running_bytes += call.weight

    def end(self, call: Call, *, keep: bool) -> None:
        """Removes a call that has ended. With `keep`, its answer is kept for a caller who repeats the request."""
        self._all_running.discard(call)
        self._running_bytes -= call.weight
        if self._running.get(call.key) is not call:  # a newer call has this key
            return
        del self._running[call.key]
        if keep:
            self.kept.keep(call)
