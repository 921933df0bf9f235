"""Whether the other end of a pipe or socket is closed."""

from __future__ import annotations

import select


def other_end_is_closed(descriptor: int) -> bool:
    """Returns whether nobody can read what is written, or nobody writes what is read; False if that cannot be known."""
    if not hasattr(select, "poll"):
        return False  # Windows
    poller = select.poll()
    poller.register(descriptor, 0)  # errors and hang-ups are reported unasked
    return bool(poller.poll(0))
