"""The calls that are running and the answers that are kept, by what makes two requests the same one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages import Prompt
from server_b.core.calls.call import Call
from server_b.core.calls.call_key import Delivery, Key
from server_b.core.repeats.fingerprint import fingerprint
from server_b.core.repeats.kept_answers import KeptAnswers

RECOUNT_S = 0.1
"""How old the count of the running calls' answers may be."""


class CallRegistry:
    """Calls by key: one that runs can be joined, one that ended well is kept for `keep_s` seconds."""

    def __init__(self, keep_s: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._running: dict[Key, Call] = {}
        self._all_running: set[Call] = set()
        self._running_bytes = 0
        self._recount_at = 0.0
        self.kept = KeptAnswers(keep_s, clock)

    def __len__(self) -> int:
        """How many are running, those that are being stopped included."""
        return len(self._all_running)

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._all_running))

    @property
    def running_bytes(self) -> int:
        """What the running calls hold; of answers, what has come in the last RECOUNT_S may be missing."""
        now = self._clock()
        if now >= self._recount_at:
            self._running_bytes = sum(call.weight for call in self._all_running)
            self._recount_at = now + RECOUNT_S
        return self._running_bytes

    def find(self, key: Key, prompt: Prompt) -> Call | None:
        """Returns the call with this key that runs or is kept; raises InvalidRequest if it asked something else."""
        call = self._running.get(key)
        if call is not None and call.stopped is None:
            same = call.prompt == prompt or fingerprint(call.prompt) == fingerprint(prompt)
        elif (answer := self.kept.find(key)) is not None:
            call, same = answer.call(key, prompt), answer.fingerprint == fingerprint(prompt)
        else:  # of a call whose readers left, a repeat is a new call
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
        """Counts a call as running."""
        self._running[call.key] = call
        self._all_running.add(call)
        self._running_bytes += call.weight

    def end(self, call: Call, *, keep: bool) -> None:
        """Counts a call as ended; with `keep` its answer is given to a caller who repeats the request."""
        self._all_running.discard(call)
        self._running_bytes -= call.weight
        if self._running.get(call.key) is not call:  # a successor has its place
            return
        del self._running[call.key]
        if keep:
            self.kept.keep(call)
