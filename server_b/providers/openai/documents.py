"""The data of the events of a stream: documents, and the end mark."""

from __future__ import annotations

from server_b.providers.json_text import parse

END_MARK = b"[DONE]"
"""The data of the last event of a stream."""


def is_end_mark(data: bytes) -> bool:
    """Tells whether an event's data is the end mark, as it is meant to be or quoted as JSON."""
    return data.strip(b' \t\r\n"').upper() == END_MARK


def is_complete(data: bytes) -> bool:
    """Tells whether an event's data is a whole document, or the end mark."""
    if is_end_mark(data):
        return True
    try:
        return isinstance(parse(data), dict | list)
    except ValueError:
        return False
