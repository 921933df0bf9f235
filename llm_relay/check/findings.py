"""The findings of a check: one line for each fact, with the fix if something is wrong."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Verdict(enum.Enum):
    """The verdict on a fact. Its value begins the line."""

    OK = "ok"
    WARNING = "warning"
    """Probably a mistake, but the program runs."""
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check."""

    verdict: Verdict
    text: str
    """Begins with the setting that it is about; ends with the fix if it is not OK."""

    @property
    def ok(self) -> bool:
        """Whether nothing needs to be fixed."""
        return self.verdict is not Verdict.FAILED

    def __str__(self) -> str:
        return f"{self.verdict.value:<8}{self.text}"


def ok(text: str) -> Finding:
    """Returns a finding of something in order."""
    return Finding(Verdict.OK, text)


def warning(text: str) -> Finding:
    """Returns a finding of a probable mistake."""
    return Finding(Verdict.WARNING, text)


def failure(text: str) -> Finding:
    """Returns a finding of something to fix."""
    return Finding(Verdict.FAILED, text)
