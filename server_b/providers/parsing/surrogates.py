"""Joins characters that a server splits between two deltas, as the two halves of a surrogate pair."""

from __future__ import annotations

import re

_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_CHARACTER = "\ufffd"


class Surrogates:
    """Joins two halves that follow each other. A half without its other half becomes U+FFFD."""

    def __init__(self) -> None:
        self._half = ""

    def joined(self, text: str) -> str:
        """Returns the text, after the half that was kept before it. A half at its end is kept for the next text."""
        if not self._half and text.isascii():
            return text
        if self._half:
            text, self._half = self._half + text, ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return self.cleaned(text)

    def rest(self) -> str:
        """Returns U+FFFD if a half is left at the end; otherwise an empty text."""
        half, self._half = self._half, ""
        return _NO_CHARACTER if half else ""

    def cleaned(self, text: str) -> str:
        """Returns the text with its pairs joined and its halves replaced."""
        if text.isascii() or not _SURROGATE.search(text):
            return text
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
