"""Counts of tokens, as servers write them."""

from __future__ import annotations

from collections.abc import Mapping

MAX_COUNT = 10**9
"""No call has so many tokens: who tells of more is wrong. Less, at a dollar a token, is nano-USD within 64 bits."""
_MAX_DIGITS = 20
"""More than MAX_COUNT has, so that a longer text is too large too."""


def count(counts: Mapping[str, object], name: str) -> int | None:
    """Returns a count, be it written as a whole number, as `8.0` or as text; None for what is none."""
    number = counts.get(name)
    if isinstance(number, str) and number.isdecimal() and number.isascii():
        number = int(number[:_MAX_DIGITS])
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    return number if type(number) is int and 0 <= number < MAX_COUNT else None
