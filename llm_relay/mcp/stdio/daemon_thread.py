"""Threads for standard input and output, which may be files. An event loop cannot wait for files."""

from __future__ import annotations

import threading
from collections.abc import Callable


def start_daemon_thread(name: str, target: Callable[[], None]) -> None:
    """Starts a daemon thread. Nothing interrupts a blocked read or write, and the program must not wait for it."""
    threading.Thread(name=name, target=target, daemon=True).start()
