"""The size of an image, read from the first bytes of its file: PNG, JPEG, GIF and WebP."""

from __future__ import annotations

import struct
from typing import NamedTuple

_JPEG_FRAMES = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)))
"""Markers of frame headers, which contain the size (ITU T.81, table B.1)."""


class Size(NamedTuple):
    """A size in pixels."""

    width: int
    height: int


def image_size(data: bytes) -> Size | None:
    """Returns the size in the file's header; None if it cannot be read."""
    try:
        size = _size(data)
    except struct.error:
        return None
    return size if size is not None and size.width > 0 and size.height > 0 else None


def _size(data: bytes) -> Size | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return Size(*struct.unpack_from(">II", data, 16))
    if data.startswith((b"GIF87a", b"GIF89a")):
        return Size(*struct.unpack_from("<HH", data, 6))
    if data.startswith(b"\xff\xd8"):
        return _jpeg_size(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp_size(data)
    return None


def _jpeg_size(data: bytes) -> Size | None:
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker, length = struct.unpack_from(">BH", data, place + 1)
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return Size(width, height)
        place += 2 + length
    return None


def _webp_size(data: bytes) -> Size | None:
    match data[12:16]:
        case b"VP8X":
            (bits,) = struct.unpack("<Q", data[24:30].ljust(8, b"\0") if len(data) >= 30 else b"")
            return Size((bits & 0xFFFFFF) + 1, (bits >> 24 & 0xFFFFFF) + 1)
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 26)
            return Size(width & 0x3FFF, height & 0x3FFF)
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", data, 21)
            return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        case _:
            return None
