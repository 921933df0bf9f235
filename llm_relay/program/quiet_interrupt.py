"""Ctrl-C before a program handles signals, such as during its imports, ends it without a traceback."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


def end_quietly_on_interrupt() -> None:
    """Leaves out the traceback of a KeyboardInterrupt that ends the process. It still ends as by SIGINT."""
    sys.excepthook = _show_unless_interrupted


def _show_unless_interrupted(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
