"""Ctrl-C before a program handles signals, such as during its imports, ends it without a traceback."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


def end_quietly_on_interrupt() -> None:
    """Leaves out the traceback of a KeyboardInterrupt that ends the process. It still ends as by SIGINT."""
    sys.excepthook = _show_unless_interrupted
    show = sys.unraisablehook

    def end_if_interrupted(unraisable: sys.UnraisableHookArgs) -> None:
        # Python ignores an interrupt in a finalizer or in a weak reference's callback, which imports use.
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
        show(unraisable)

    sys.unraisablehook = end_if_interrupted


def _show_unless_interrupted(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
