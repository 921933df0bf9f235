"""The texts of an answer, which may split a character into two."""

from __future__ import annotations

from server_b.providers.base import Text

HIGH_SURROGATES = ("\ud800", "\udbff")
"""The first and the last of what can be the first half of a character."""


class Texts:
    """Gathers the texts of one read, and gives them out as one."""

    def __init__(self) -> None:
        self.any = False
        """Whether any has been given out."""
        self._texts: list[str] = []
        self._held = 0
        """How many of them wait for the second half of a character."""

    def add(self, text: str) -> None:
        """Takes one more."""
        self._texts.append(text)

    def take(self, *, at_end: bool = False) -> Text | None:
        """Returns what has been gathered; None for nothing.

        The first half of a character waits for the second, unless this is the end.
        """
        if len(self._texts) == self._held and not at_end:
            return None
        text, count = "".join(self._texts), len(self._texts)
        self._texts, self._held = [], 0
        if not text:
            return None
        if not text.isascii():
            text = self._whole(text, at_end=at_end)
            count -= self._held
        self.any = self.any or bool(text)
        return Text(text, max(count, 1)) if text else None

    def _whole(self, text: str, *, at_end: bool) -> str:
        if not at_end and HIGH_SURROGATES[0] <= text[-1] <= HIGH_SURROGATES[1]:
            self._texts, self._held = [text[-1]], 1
            text = text[:-1]
        try:
            text.encode()
        except UnicodeEncodeError:
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text
