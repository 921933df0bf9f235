"""What was logged, line by line."""

from __future__ import annotations

import re
from typing import Any

import pytest

_TEXT_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ([A-Z]+ [a-z0-9_.]+ .*)\n")


def logged_facts(caplog: pytest.LogCaptureFixture, logger: str) -> list[dict[str, Any]]:
    """Returns the facts of each line that the logger of this name has written; a record may be of several."""
    facts: list[dict[str, Any]] = []
    for record in caplog.records:
        if record.name == logger:
            told: Any = record.facts  # type: ignore[attr-defined]
            facts += told if isinstance(told, list) else [told]
    return facts


def without_time(line: str) -> str:
    """Returns a line of a program's log in text without its time: level, logger, message."""
    found = _TEXT_LINE.fullmatch(line)
    assert found, line
    return found[1]
