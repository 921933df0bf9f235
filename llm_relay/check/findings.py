"""What a check finds: a line for each fact, with the fix in it if something is wrong."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Verdict(enum.Enum):
    """How a fact is; the value begins its line."""

    OK = "ok"
    WARNING = "warning"
    """Probably a mistake, which stops nothing."""
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check."""

    verdict: Verdict
    text: str
    """Begins with the setting that it is about; ends with the fix if it is not OK."""

    @property
    def ok(self) -> bool:
        """Whether nothing has to be changed."""
        return self.verdict is not Verdict.FAILED

    def __str__(self) -> str:
        return f"{self.verdict.value:<8}{self.text}"


def ok(text: str) -> Finding:
    """Makes a finding that is as it should be."""
    return Finding(Verdict.OK, text)


def warning(text: str) -> Finding:
    """Makes a finding that is probably a mistake."""
    return Finding(Verdict.WARNING, text)


def failure(text: str) -> Finding:
    """Makes a finding that has to be fixed."""
    return Finding(Verdict.FAILED, text)
