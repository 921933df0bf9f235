"""The texts of an answer: those of one read are given out as one."""

from __future__ import annotations

from server_b.providers.base import Text
from server_b.providers.surrogates import Surrogates


class Texts:
    """Gathers texts. The first half of a character waits for the second."""

    def __init__(self) -> None:
        self.any = False
        """Whether any has been given out."""
        self._texts: list[str] = []
        self._surrogates = Surrogates()

    def add(self, text: str) -> None:
        """Takes one more."""
        self._texts.append(text)

    def take(self, *, at_end: bool = False) -> Text | None:
        """Returns what has been gathered; None for nothing. At the end nothing is kept back."""
        text, count = self._surrogates.joined("".join(self._texts)), len(self._texts)
        self._texts.clear()
        if at_end:
            text += self._surrogates.rest()
        if not text:
            return None
        self.any = True
        return Text(text, max(count, 1))
