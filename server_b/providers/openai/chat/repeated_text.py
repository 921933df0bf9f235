"""Recognises text that a server repeats as a whole at the end."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

_ENCODING, _ERRORS = "utf-16-le", "surrogatepass"
"""An encoding in which a character has the same bytes as its two surrogate halves."""


class SeenText:
    """Remembers the length and the checksum of a text that arrives in pieces, not the text itself."""

    __slots__ = ("_bytes", "_sum")

    def __init__(self) -> None:
        self._bytes = 0
        self._sum = 0

    def __bool__(self) -> bool:
        """Whether there was any text."""
        return bool(self._bytes)

    def add(self, pieces: Iterable[str]) -> None:
        """Adds pieces to the text."""
        data = "".join(pieces).encode(_ENCODING, _ERRORS)
        self._bytes += len(data)
        self._sum = zlib.crc32(data, self._sum)

    def new_part_of(self, text: str, *, after: str = "") -> str:
        """Returns `text` without the remembered text and `after`, if it begins with them; otherwise all of it."""
        data, more = text.encode(_ENCODING, _ERRORS), after.encode(_ENCODING, _ERRORS)
        end = self._bytes + len(more)
        if len(data) < end or zlib.crc32(data[:end]) != zlib.crc32(more, self._sum):
            return text
        return data[end:].decode(_ENCODING, _ERRORS)
