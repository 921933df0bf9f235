"""A log that writes INFO lines together, a few milliseconds late, and all other lines at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

GATHER_S = 0.01
"""How long INFO lines wait. A server that is killed (-9) may lose them. A server that is stopped loses none."""
LINES_A_WRITE = 4
"""Keeps a write under 4 KiB, which a pipe accepts in one piece, even if several workers write to it."""


class BufferedLog:
    """Writes a line for each event. INFO lines wait up to GATHER_S and are written together.

    Written one by one between other work, they would take several times the CPU.
    """

    def __init__(self, logger: logging.Logger, message: str) -> None:
        self._logger = logger
        self._message = message
        self._gathered: list[Callable[[], dict[str, Any]]] = []

    def note(self, level: int, facts: Callable[[], dict[str, Any]]) -> None:
        """Adds a line; `facts` is called when it is written. Needs a running event loop."""
        if not self._logger.isEnabledFor(level):
            return
        if level != logging.INFO:
            self.flush()
            self._logger.log(level, self._message, extra={"facts": facts()})
            return
        self._gathered.append(facts)
        if len(self._gathered) == 1:
            asyncio.get_running_loop().call_later(GATHER_S, self.flush)

    def flush(self) -> None:
        """Writes the lines that are waiting."""
        gathered, self._gathered = self._gathered, []
        for start in range(0, len(gathered), LINES_A_WRITE):
            lines = [facts() for facts in gathered[start : start + LINES_A_WRITE]]
            self._logger.info(self._message, extra={"facts": lines})
