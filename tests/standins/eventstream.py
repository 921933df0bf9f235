"""AWS's event-stream framing (application/vnd.amazon.eventstream).

A message is: total length, headers' length, CRC-32 of these eight bytes; the headers; the document; CRC-32 of
everything before. Numbers are big-endian, 4 bytes. https://smithy.io/2.0/aws/amazon-eventstream.html
"""

import struct
import zlib
from collections.abc import Mapping

CONTENT_TYPE = "application/vnd.amazon.eventstream"
PRELUDE_CRC_AT = 8
MESSAGE_CRC_AT = -4
OVERHEAD = 16
STRING = 7


def message(headers: Mapping[str, str], document: bytes) -> bytes:
    """Frames one message, with both of its CRCs."""
    return with_headers(b"".join(_header(name, value) for name, value in headers.items()), document)


def with_headers(head: bytes, document: bytes) -> bytes:
    """Frames one message whose headers are these bytes, with both of its CRCs."""
    lengths = struct.pack(">II", OVERHEAD + len(head) + len(document), len(head))
    checked = lengths + struct.pack(">I", zlib.crc32(lengths)) + head + document
    return checked + struct.pack(">I", zlib.crc32(checked))


def spoiled(frame: bytes, at: int) -> bytes:
    """Returns the frame with the byte at this index flipped: PRELUDE_CRC_AT or MESSAGE_CRC_AT."""
    bytes_ = bytearray(frame)
    bytes_[at] ^= 0xFF
    return bytes(bytes_)


def _header(name: str, value: str) -> bytes:
    """Encodes a header of type string: 1 byte of length and the name; the type; 2 bytes of length and the value."""
    name_bytes, value_bytes = name.encode(), value.encode()
    return struct.pack(">B", len(name_bytes)) + name_bytes + struct.pack(">BH", STRING, len(value_bytes)) + value_bytes
