"""What was logged, line by line."""

from __future__ import annotations

from typing import Any

import pytest


def logged_facts(caplog: pytest.LogCaptureFixture, logger: str) -> list[dict[str, Any]]:
    """Returns the facts of each line that the logger of this name has written; a record may be of several."""
    facts: list[dict[str, Any]] = []
    for record in caplog.records:
        if record.name == logger:
            told: Any = record.facts  # type: ignore[attr-defined]
            facts += told if isinstance(told, list) else [told]
    return facts
