"""What a load counts: tokens, answers, errors, and the time to the first token without the provider's own delay."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from scripts.benchmark.asked import MARK, OWN_DELAY

_KEPT = len(MARK) - 1


@dataclass(slots=True)
class Tally:
    """The totals of a load. A wrong answer is an error, but its tokens count."""

    tokens: int = 0
    answers: int = 0
    errors: int = 0
    first_error: str = ""
    latencies_ns: list[int] = field(default_factory=list)
    added_ns: list[int] = field(default_factory=list)
    """For each stream: the time from the request to the first token, minus the provider's own delay."""

    def fail(self, text: str) -> None:
        """Counts an error."""
        self.errors += 1
        self.first_error = self.first_error or text

    def start_anew(self) -> None:
        """Resets the counts, but not the errors."""
        self.tokens = self.answers = 0
        self.latencies_ns.clear()
        self.added_ns.clear()


class Answer:
    """An answer while it arrives, as bytes in any framing."""

    __slots__ = ("_beginning", "_done", "_expected", "_is_timed", "_latest", "_sent_at_ns", "_tally", "_tokens")

    def __init__(self, tally: Tally, tokens: int, done: Callable[[], None], *, is_stream: bool) -> None:
        self._tally, self._expected, self._done = tally, tokens, done
        self._tokens = 0
        self._latest = b""
        self._beginning = b""
        self._is_timed = not is_stream
        self._sent_at_ns = time.monotonic_ns()

    def receive(self, data: bytes) -> None:
        """Counts the tokens in the next bytes. A mark may be split between two calls."""
        data = self._latest[-_KEPT:] + data
        self._latest = data
        count = data.count(MARK)
        self._tokens += count
        self._tally.tokens += count
        if not self._is_timed:
            self._time(data)

    def _time(self, data: bytes) -> None:
        self._beginning = self._beginning[:-_KEPT] + data
        if found := OWN_DELAY.search(self._beginning):
            self._is_timed = True
            self._tally.added_ns.append(time.monotonic_ns() - self._sent_at_ns - int(found[1]))

    def end(self, why: bytes = b"") -> None:
        """Counts the answer as correct if it has all its tokens, and calls `done`.

        `why` tells how it ended, such as the trailers. The text of a wrong answer has it.
        """
        if self._tokens == self._expected:
            self._tally.answers += 1
            self._tally.latencies_ns.append(time.monotonic_ns() - self._sent_at_ns)
        else:
            self._tally.fail(f"{self._tokens} tokens of {self._expected}: {self._latest[-300:]!r} {why[:200]!r}")
        self._done()


class Line(Protocol):
    """A connection that a load sends requests on."""

    def ask(self, answer: Answer) -> None:
        """Sends the request again. Its answer goes to `answer`."""
        ...

    def close(self) -> None:
        """Drops the connection and its running requests."""
        ...
