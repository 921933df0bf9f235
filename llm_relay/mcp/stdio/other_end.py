"""Checks whether the other end of a pipe or socket is closed."""

from __future__ import annotations

import select


def other_end_is_closed(descriptor: int) -> bool:
    """Returns whether the reader of an output, or the writer of an input, is gone; False if that is not known."""
    if not hasattr(select, "poll"):
        return False  # Windows
    poller = select.poll()
    poller.register(descriptor, 0)  # errors and hang-ups are always reported
    return bool(poller.poll(0))
