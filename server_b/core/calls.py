"""The calls that are running, and the answers that are kept for a caller who asks again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages import Prompt
from server_b.core.call import Call, Kept, Key, Kind

MAX_KEPT_CHARS = 32 * 1024 * 1024
"""How much text of prompts and answers is kept in all; the oldest go first."""
CALL_OVERHEAD_CHARS = 2_000
"""What an answer is reckoned to take beside its text."""
RECOUNT_S = 0.1
"""How old the count of the running calls' answers may be."""


class Calls:
    """Calls by key: one that runs can be joined, one that ended well is kept for `keep_s` seconds."""

    def __init__(self, keep_s: float, clock: Callable[[], float]) -> None:
        self._keep_s = keep_s
        self._clock = clock
        self._running: dict[Key, Call] = {}
        self._kept: OrderedDict[Key, tuple[float, Kept]] = OrderedDict()
        self._kept_chars = 0
        self._running_chars = 0
        self._recount_at = 0.0

    def __len__(self) -> int:
        """How many are running."""
        return len(self._running)

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._running.values()))

    @property
    def running_chars(self) -> int:
        """How much text the running calls hold; of answers, what has come in the last RECOUNT_S may be missing."""
        now = self._clock()
        if now >= self._recount_at:
            self._running_chars = sum(_size(call) for call in self._running.values())
            self._recount_at = now + RECOUNT_S
        return self._running_chars

    def find(self, key: Key, prompt: Prompt) -> Call | None:
        """Returns the call with this key that runs or is kept; raises InvalidRequest if it asked something else."""
        self._forget_old()
        call = self._running.get(key)
        if call is not None and call.aborted:  # its readers left: whoever asks again asks anew
            call = None
        if call is None and key in self._kept:
            call = Call.of_kept(key, self._kept[key][1])
        if call is not None and call.prompt != prompt:
            mend = "was used for another request; use a new one, or repeat the same parameters"
            error = InvalidRequest.of(Violation("request_id", mend))
            error.request_id = key.request_id
            raise error
        return call

    def find_running(self, caller: str, request_id: str) -> list[Call]:
        """Returns this caller's running calls with that id."""
        keys = (Key(caller, request_id, kind) for kind in Kind)
        return [self._running[key] for key in keys if key in self._running]

    def add(self, call: Call) -> None:
        """Counts a call as running."""
        self._running[call.key] = call
        self._running_chars += _size(call)

    def end(self, call: Call, *, keep: bool) -> None:
        """Counts a call as ended; with `keep` its answer is given to whoever repeats the request."""
        if self._running.get(call.key) is not call:
            return
        del self._running[call.key]
        self._running_chars -= _size(call)
        if keep and self._keep_s > 0 and (kept := call.kept()):
            self._kept[call.key] = (self._clock() + self._keep_s, kept)
            self._kept_chars += _size(kept)
            self._forget_old()

    def _forget_old(self) -> None:
        now = self._clock()
        while self._kept:
            key, (expires_at, kept) = next(iter(self._kept.items()))
            if expires_at > now and self._kept_chars <= MAX_KEPT_CHARS:
                return
            del self._kept[key]
            self._kept_chars -= _size(kept)


def _size(call: Call | Kept) -> int:
    return call.prompt_chars + call.text_chars + CALL_OVERHEAD_CHARS
