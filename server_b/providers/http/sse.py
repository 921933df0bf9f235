"""Reads server-sent events, both standard and as servers deviate from the standard.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

The standard: lines end in LF, CRLF or CR; a byte order mark at the start, comments and unknown fields are skipped;
several `data` lines are one event. In addition, because servers do so:

- A complete event is yielded even if only one newline, or none, follows it.
- A field `error` is an event of that name.
- A line that can only be a damaged event raises ProviderProtocol instead of being skipped, because its text would be
  lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from llm_relay.errors import ProviderProtocol

MAX_EVENT_BYTES = 64 * 2**20
"""Size of the largest event."""
ERROR = "error"
"""Name of an event that says that the server failed."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DAMAGED_COMMENT = b'"choices"'

Event = tuple[str, bytes]
"""An event's name, usually empty, and its data, blank for a sign of life."""


class SseReader:
    """Splits a stream, which may arrive in pieces cut anywhere, into events."""

    def __init__(self, is_complete: Callable[[bytes], bool], *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        """`is_complete` tells whether data is a whole event, when no blank line has ended it."""
        self._is_complete = is_complete
        self._max_event_bytes = max_event_bytes
        self._start: bytes | None = b""
        """What has arrived while it may still be a byte order mark; None after that."""
        self._after_cr = False
        self._rest = bytearray()
        """An incomplete line."""
        self._data: list[bytes] = []
        self._more_bytes = 0
        """Size of the data after its first line."""
        self._name = ""
        self._late_name = ""
        """A name after the data: this event's by the standard, but the next event's if no blank line follows."""

    def read(self, block: bytes) -> Iterator[Event]:
        """Yields the events that `block` completes. Raises ProviderProtocol for a damaged or endless event."""
        lines = self._lines(block)
        if _are_plain(lines) and not (self._data or self._name or self._late_name):
            yield from [("", line[6:]) for line in lines[::2]]
        else:
            yield from self._events(lines)
        if self._rest or self._data:
            self._check_size()

    def _lines(self, block: bytes) -> list[bytes]:
        """Returns the lines that `block` completes, and keeps the rest."""
        if self._start is not None:
            block = self._without_mark(block)
        if self._after_cr or b"\r" in block:
            block = self._with_line_feeds(block)
        end = block.rfind(b"\n") + 1
        if not end:
            self._rest += block
            return []
        lines = (bytes(self._rest) + block[:end]).split(b"\n")
        lines.pop()
        self._rest[:] = block[end:]
        return lines

    def _events(self, lines: list[bytes]) -> Iterator[Event]:
        data = self._data
        for line in lines:
            if line.startswith(b"data: ") and not data:  # as most lines are
                data.append(line[6:])
            elif line:
                yield from self._take_field(line)
            elif len(data) == 1 and not self._name and not self._late_name:
                yield "", data.pop()
            else:
                yield from self._end_event()

    def end(self) -> Iterator[Event]:
        """Yields the events that the end of the stream completes."""
        rest, self._rest = bytes(self._start or self._rest), bytearray()
        if rest:
            yield from self._take_field(rest)
        yield from self._end_event()

    def _without_mark(self, block: bytes) -> bytes:
        start = (self._start or b"") + block
        if len(start) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(start):
            self._start = start
            return b""
        self._start = None
        return start.removeprefix(_BYTE_ORDER_MARK)

    def _with_line_feeds(self, block: bytes) -> bytes:
        if self._after_cr and block:
            block = block.removeprefix(b"\n")
            self._after_cr = False
        self._after_cr = self._after_cr or block.endswith(b"\r")
        return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _take_field(self, line: bytes) -> Iterator[Event]:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                yield from self._take_data(value)
            case b"event":
                self._take_name(value.decode(errors="replace"))
            case b"":
                if value.startswith(b"{") and _DAMAGED_COMMENT in value:
                    raise _damaged()
            case b"error":
                yield ERROR, value
            case b"id" | b"retry":
                pass
            case _:
                yield from self._take_unknown(line, name, value)

    def _take_unknown(self, line: bytes, name: bytes, value: bytes) -> Iterator[Event]:
        """Yields JSON and end marks that are on a line of their own; skips what is not JSON.

        Raises ProviderProtocol for anything else, which is a damaged event.
        """
        if line.startswith((b"{", b"[")) and self._is_complete(line):
            yield "", line
        elif b"{" in name or b'"' in name or value.lstrip().startswith(b"{"):
            raise _damaged()

    def _take_data(self, value: bytes) -> Iterator[Event]:
        if len(self._data) == 1 and self._is_complete(self._data[0]):
            next_name, self._late_name = self._late_name, ""
            yield self._dispatch()
            self._name = next_name
        self._data.append(value)
        self._more_bytes += len(value)

    def _take_name(self, name: str) -> None:
        if self._data:
            self._late_name = name
        else:
            self._name = name

    def _end_event(self) -> Iterator[Event]:
        if self._data or self._name == ERROR:
            yield self._dispatch()
        self._name = self._late_name = ""

    def _dispatch(self) -> Event:
        event = self._late_name or self._name, self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data.clear()
        self._more_bytes = 0
        self._name = self._late_name = ""
        return event

    def _check_size(self) -> None:
        if len(self._rest) + self._more_bytes > self._max_event_bytes:
            raise ProviderProtocol("an event of the provider's stream is too large")


def _are_plain(lines: list[bytes]) -> bool:
    """Tells whether all lines are events of one data line each: the usual case, and a fast check."""
    if len(lines) % 2 or any(lines[1::2]):
        return False
    return all([line.startswith(b"data: ") for line in lines[::2]])  # noqa: C419 - a generator takes twice as long


def _damaged() -> ProviderProtocol:
    return ProviderProtocol(
        "the provider's stream is malformed", operator_detail="a line of the stream is not a field of an event"
    )
