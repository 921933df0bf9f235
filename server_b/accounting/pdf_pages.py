"""The most pages of a PDF, as far as its bytes show them."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_PAGES = 100
"""Most pages of a document that the vendors accept."""
MOST_KIDS = 10_000
"""Most references that are read."""
TABLE_BYTES = 32
"""How far from its offset the beginning of a table may be. Many offsets can name one long run of white space."""

_SPACE = rb"[\0\t\n\v\f\r ]"
_END = rb"(?![^\0\t\n\v\f\r ()<>\[\]{}/%])"
"""A name ends at white space or a delimiter."""


def _spelled(name: bytes) -> bytes:
    """Returns a pattern for a name, each letter of which may be `#` and two digits (ISO 32000-1, 7.3.5)."""
    return b"".join(b"(?:%c|#(?i:%02x))" % (letter, letter) for letter in name)


_TREE, _STREAMS = (b"Page", b"Kids", b"Prev"), (b"ObjStm", b"XRef")
_NAMES = re.compile(b"/(?:(?:%b)%b|%b)" % (b"|".join(map(_spelled, _TREE)), _END, b"|".join(map(_spelled, _STREAMS))))
_REFERENCE = rb"%b*([0-9]{1,10})%b+[0-9]{1,5}%b+R" % (_SPACE, _SPACE, _SPACE)
_REFERENCES = re.compile(_REFERENCE)
_KIDS = re.compile(rb"%b*\[((?:%b){0,%d})%b*\]" % (_SPACE, _REFERENCE, MOST_KIDS, _SPACE))
_START = re.compile(rb"startxref(?:%b+([0-9]{1,12}))?" % _SPACE)
_OFFSET = re.compile(rb"%b*([0-9]{1,12})" % _SPACE)
_TABLE = re.compile(rb"%b*xref%b" % (_SPACE, _SPACE))


@dataclass(frozen=True, slots=True)
class PdfPages:
    """The pages of a PDF."""

    most: int
    """The most pages that its visible objects can be."""
    may_be_hidden: bool
    """There can be more: in compressed objects, or under names or references in an unusual notation."""


def pdf_pages(data: bytes) -> PdfPages:
    """Returns the pages of a PDF. Each page is in the `/Kids` of a node of the page tree."""
    named, is_plain, kids = 0, _has_plain_tables(data), list[int]()
    for found in _NAMES.finditer(data):
        name, rest = found.group(), found.end()
        if name == b"/Page":
            named += 1
        elif name == b"/Kids" and len(kids) < MOST_KIDS and (array := _KIDS.match(data, rest)):
            kids += map(int, _REFERENCES.findall(array[1]))
        elif is_plain and not (name == b"/Prev" and _is_plain_previous(data, rest)):
            is_plain = False
    is_tree = len(set(kids)) == len(kids)  # a node in two places has its pages twice
    most = max(named, min(len(kids), MOST_PAGES))
    return PdfPages(most=most, may_be_hidden=not (most and is_plain and is_tree))


def _has_plain_tables(data: bytes) -> bool:
    """Returns whether the file finds its objects by tables of text. Compressed objects are found by streams alone."""
    is_from_start = data.find(b"%PDF-", 0, 1024) <= 0  # offsets count from there
    return is_from_start and all(start[1] and _is_table(data, int(start[1])) for start in _START.finditer(data))


def _is_plain_previous(data: bytes, at: int) -> bool:
    """Returns whether a `/Prev` is that of an outline, or leads to a table of text."""
    if _REFERENCES.match(data, at):
        return True
    offset = _OFFSET.match(data, at)
    return offset is not None and _is_table(data, int(offset[1]))


def _is_table(data: bytes, offset: int) -> bool:
    # 0 leads nowhere: the first part of a linearized file has it.
    return _TABLE.match(data, offset, offset + TABLE_BYTES) is not None or (offset == 0 and data.startswith(b"%PDF-"))
