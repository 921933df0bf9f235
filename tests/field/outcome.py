"""The outcome of a call: what a test expects, what a caller got, and how the two are compared."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Any

Facts = dict[str, Any]


class OneOf:
    """Equals any of these values."""

    def __init__(self, *values: object) -> None:
        self._values = values

    def __eq__(self, other: object) -> bool:
        return any(value == other for value in self._values)

    def __hash__(self) -> int:
        return hash(self._values)

    def __repr__(self) -> str:
        return " or ".join(map(repr, self._values))


class Within:
    """Equals a number from `least` to `most`."""

    def __init__(self, least: float, most: float) -> None:
        self._least, self._most = least, most

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int | float) and self._least <= other <= self._most

    def __hash__(self) -> int:
        return hash((self._least, self._most))

    def __repr__(self) -> str:
        return f"{self._least:g} to {self._most:g}"


class Says:
    """Equals a text that contains the pattern, ignoring case."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and re.search(self._pattern, other, re.IGNORECASE) is not None

    def __hash__(self) -> int:
        return hash(self._pattern)

    def __repr__(self) -> str:
        return f"text with /{self._pattern}/"


EXACT, ESTIMATED, UNKNOWN = "ACCURACY_EXACT", "ACCURACY_ESTIMATED", "ACCURACY_UNKNOWN"
NOT_EXACT = OneOf(ESTIMATED, UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Facts that must hold, by their names in `CallResult`; others may have any value."""

    facts: Facts

    def is_met_by(self, result: CallResult) -> bool:
        return all(result.facts.get(name, value) == value for name, value in self.facts.items())

    def __str__(self) -> str:
        return ", ".join(f"{name}={shorten(repr(value), 200)}" for name, value in self.facts.items())


def answered(text: object = "Hello", finish: object = "stop", **facts: object) -> Expected:
    """Expects the whole text with this finish reason; one request to the provider, unless `facts` say otherwise.

    `facts` are any of input, output, reasoning, cached, accuracy, model, cost and requests.
    """
    return Expected(facts={"reason": "", "text": text, "finish": finish, "requests": 1, **facts})


def failed(reason: object, said: object = "", **facts: object) -> Expected:
    """Expects a failure, in a stream after the text `said`; one request to the provider, unless `facts` say otherwise.

    `facts` are any of message, retry_after_s, may_have_worked, accuracy and requests.
    """
    return Expected(facts={"reason": reason, "said": said, "requests": 1, **facts})


@dataclass(slots=True)
class CallResult:
    """What one call returned to its caller; without the facts that its interface does not report."""

    way: str
    facts: Facts = field(default_factory=dict)

    def __str__(self) -> str:
        shown = (f"{name}={shorten(repr(value), 200)}" for name, value in self.facts.items())
        return f"{self.way}: " + ", ".join(shown)
