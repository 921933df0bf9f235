"""A log whose ordinary lines gather and are written together; the others are written at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

GATHER_S = 0.01
"""What a server that is killed (-9) may lose of its log; one that is stopped loses nothing."""
LINES_A_WRITE = 4
"""They stay within what a pipe takes in one piece (4 KiB), should several workers write to the same."""


class GatheredLog:
    """Writes a line for each thing that has ended: at INFO with others of the last GATHER_S, else at once.

    Each by itself, amid other work, a line takes several times what it takes as one of many.
    """

    def __init__(self, logger: logging.Logger, message: str) -> None:
        self._logger = logger
        self._message = message
        self._gathered: list[Callable[[], dict[str, Any]]] = []

    def note(self, level: int, facts: Callable[[], dict[str, Any]]) -> None:
        """Has a line written; `facts` makes what it tells, when that is done. Needs a running event loop."""
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
        """Writes what has gathered."""
        gathered, self._gathered = self._gathered, []
        for start in range(0, len(gathered), LINES_A_WRITE):
            lines = [facts() for facts in gathered[start : start + LINES_A_WRITE]]
            self._logger.info(self._message, extra={"facts": lines})
