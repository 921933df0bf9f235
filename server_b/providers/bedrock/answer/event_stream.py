"""Splits an AWS event stream into messages, with botocore's parser, which checks both checksums of each.

https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from botocore.eventstream import EventStreamBuffer, EventStreamHeaderParser, EventStreamMessage, ParserError

from llm_relay.errors import ProviderProtocol

SLICE_BYTES = 16 * 1024
"""How much botocore's buffer gets at once, because it copies all of its content for each message."""
MAX_REMEMBERED_HEADERS = 64
_PARSER_ERRORS = (ParserError, struct.error, KeyError, IndexError, ValueError)
"""What the parser raises. All but the first are for headers that AWS never sends."""


class EventSplitter:
    """Splits a stream, which may be cut anywhere, into its messages."""

    def __init__(self) -> None:
        self._buffer = EventStreamBuffer()
        # Messages have one of a few sets of headers, and parsing them takes most of the parser's time.
        self._buffer._header_parser = _RememberingHeaderParser()  # noqa: SLF001 - only for speed

    def split(self, block: bytes) -> Iterator[EventStreamMessage]:
        """Yields the messages that `block` completes. Raises ProviderProtocol if a checksum is wrong."""
        for start in range(0, len(block), SLICE_BYTES):
            try:
                self._buffer.add_data(block[start : start + SLICE_BYTES])
                yield from self._buffer
            except _PARSER_ERRORS as error:
                raise ProviderProtocol("the provider's answer is malformed") from error


class _RememberingHeaderParser(EventStreamHeaderParser):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self._known: dict[bytes, dict[str, Any]] = {}

    def parse(self, data: bytes) -> dict[str, Any]:
        """Returns the headers, which must not be changed."""
        headers = self._known.get(data)
        if headers is None:
            headers = super().parse(data)
            if len(self._known) < MAX_REMEMBERED_HEADERS:
                self._known[data] = headers
        return headers
