"""A log whose ordinary lines gather and are written together; the others are written at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

GATHER_S = 0.01
"""What a server that is killed (-9) may lose of its log; one that is stopped loses nothing."""


class GatheredLog:
    """Writes a line for each thing that has ended: above INFO at once, else with others of the last GATHER_S.

    Each by itself, amid other work, a line takes three times what it takes after another one.
    """

    def __init__(self, logger: logging.Logger, message: str) -> None:
        self._logger = logger
        self._message = message
        self._lines: list[tuple[int, Callable[[], dict[str, Any]]]] = []

    def note(self, level: int, facts: Callable[[], dict[str, Any]]) -> None:
        """Has a line written; `facts` makes what it tells, when that is done. Needs a running event loop."""
        if not self._logger.isEnabledFor(level):
            return
        self._lines.append((level, facts))
        if level > logging.INFO:
            self.flush()
        elif len(self._lines) == 1:
            asyncio.get_running_loop().call_later(GATHER_S, self.flush)

    def flush(self) -> None:
        """Writes what has gathered."""
        lines, self._lines = self._lines, []
        for level, facts in lines:
            self._logger.log(level, self._message, extra={"facts": facts()})
