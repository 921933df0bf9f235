"""Colours text on a terminal. Elsewhere text is unchanged."""

from __future__ import annotations

import enum
import os
import sys
from typing import TextIO


class Colour(enum.Enum):
    """How a text is shown; the value is the parameter of the terminal's SGR sequence (ECMA-48)."""

    BOLD = 1
    DIM = 2
    RED = 31
    GREEN = 32
    YELLOW = 33
    MAGENTA = 35
    CYAN = 36


def coloured(text: str, colour: Colour | None, stream: TextIO) -> str:
    """Returns `text` in a colour if `stream`, to which it will be written, is a terminal that shows colours.

    The variable NO_COLOR (https://no-color.org), if it is not empty, and TERM=dumb turn colours off.
    """
    if colour is None or not text or not shows_colours(stream):
        return text
    return f"\x1b[{colour.value}m{text}\x1b[0m"


def shows_colours(stream: TextIO) -> bool:
    """Returns whether `stream` is a terminal that shows colours."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return False
    return sys.platform != "win32" or "WT_SESSION" in os.environ  # the old console shows the sequences as text
