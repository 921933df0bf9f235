"""Reads counts of tokens, in the forms in which servers write them."""

from __future__ import annotations

from collections.abc import Mapping

MAX_COUNT = 10**9
"""A larger count is wrong: no call has so many tokens. At $1 a token, the cost of fewer fits in 64 bits of nano-USD."""
_MAX_DIGITS = 20
"""More digits than MAX_COUNT has, so that a longer number is too large too."""


def count(counts: Mapping[str, object], name: str) -> int | None:
    """Returns a count that is written as a whole number, as `8.0` or as text; None for anything else."""
    number = counts.get(name)
    if isinstance(number, str) and number.isdecimal() and number.isascii():
        number = int(number[:_MAX_DIGITS])
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    return number if type(number) is int and 0 <= number < MAX_COUNT else None
