"""Threads for standard input and output, which may be files: no event loop can wait for those."""

from __future__ import annotations

import threading
from collections.abc import Callable


def start_daemon_thread(name: str, target: Callable[[], None]) -> None:
    """Starts a daemon thread: nothing wakes a blocked read or write, and the program's end must not wait for one."""
    threading.Thread(name=name, target=target, daemon=True).start()
