"""What was logged, line by line."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

_TEXT_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ([A-Z]+ [a-z0-9_.]+ .*)\n")


def logged_facts(caplog: pytest.LogCaptureFixture, logger: str) -> list[dict[str, Any]]:
    """Returns the facts of each line that the logger of this name has written; a record may have several lines."""
    facts: list[dict[str, Any]] = []
    for record in caplog.records:
        if record.name == logger:
            told: Any = record.facts  # type: ignore[attr-defined]
            facts += told if isinstance(told, list) else [told]
    return facts


def without_time(line: str) -> str:
    """Returns a text line of a program's log without its time: level, logger, message."""
    found = _TEXT_LINE.fullmatch(line)
    assert found, line
    return found[1]


@contextlib.contextmanager
def awaiting_line(logger: str, text: str) -> Iterator[asyncio.Event]:
    """Yields an event that is set once the logger of this name, in this event loop, writes that line."""
    written = asyncio.Event()
    handler = logging.Handler()
    handler.emit = lambda record: written.set() if record.getMessage() == text else None  # type: ignore[method-assign]
    log = logging.getLogger(logger)
    level = log.level
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    try:
        yield written
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
