"""Classifies the data of a stream's events: documents, signs of life, and the end mark."""

from __future__ import annotations

import re

from server_b.providers.parsing.json_text import parse

END_MARK = b"[DONE]"
"""The data of the last event of a stream."""
_END_MARKS = frozenset({END_MARK, b"DONE", b'["DONE"]'})
_SIGNS_OF_LIFE = frozenset({"ping", "heartbeat", "keepalive"})
_MAX_SIGN_CHARS = 20


def is_end_mark(data: bytes) -> bool:
    """Tells whether an event's data is the end mark: plain, quoted, or as JSON."""
    return data.strip(b" \t\r\n\"'").upper() in _END_MARKS


def is_sign_of_life(word: object) -> bool:
    """Tells whether the name, the type or the data of an event only says that the server is alive."""
    if not isinstance(word, str | bytes):
        return False
    text = word if isinstance(word, str) else word.decode(errors="replace")
    plain = re.sub(r"[^a-z]+", "", text.lower()) if len(text) <= _MAX_SIGN_CHARS else text
    return plain in _SIGNS_OF_LIFE or not text.strip()


def is_complete(data: bytes) -> bool:
    """Tells whether an event's data is a whole document or the end mark."""
    if is_end_mark(data):
        return True
    try:
        return isinstance(parse(data), dict | list)
    except ValueError:
        return False
