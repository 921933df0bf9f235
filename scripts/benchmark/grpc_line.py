"""A gRPC client for loads, at the level of HTTP/2 frames, with several calls at once on a connection.

A grpc.aio client costs as much CPU per message as the measured servers; this one costs about a twentieth. It parses
no header and no message: an answer is right if all its tokens arrived. See RFC 9113 (frames) and RFC 7541 (headers).
"""

from __future__ import annotations

import asyncio
import struct
from typing import cast

from scripts.benchmark.tally import Answer

_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 0x1, 0x4, 0x1
_INITIAL_WINDOW_SIZE, _MAX_WINDOW = 4, 2**31 - 1
_DEFAULT_WINDOW = 65_535
_TOP_UP = 2**28
"""How many bytes may arrive on a connection before its window is widened again."""
_FRAME_HEAD = struct.Struct(">BHBBL")


def _frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    return _FRAME_HEAD.pack(len(content) >> 16, len(content) & 0xFFFF, kind, flags, stream) + content


def _plain(text: str) -> bytes:
    return bytes((len(text),)) + text.encode()


def header_block(method: str) -> bytes:
    """Returns the headers of a call, as literals that are never indexed, so that one block works for all calls."""
    known = b"\x83\x86"  # :method POST, :scheme http
    path = b"\x04" + _plain(method)
    authority = b"\x01" + _plain("127.0.0.1")
    content_type = b"\x0f\x10" + _plain("application/grpc")
    return known + path + authority + content_type + b"\x00" + _plain("te") + _plain("trailers")


class GrpcConnection(asyncio.Protocol):
    """A connection and its calls, all with the same method and message."""

    def __init__(self, method: str, message: bytes) -> None:
        self._headers = header_block(method)
        self._message = b"\x00" + len(message).to_bytes(4, "big") + message
        self._transport: asyncio.Transport
        self._answers: dict[int, Answer] = {}
        self._next_stream = 1
        self._received = b""
        self._since_top_up = 0
        self._goaway = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transport is no subclass
        settings = struct.pack(">HL", _INITIAL_WINDOW_SIZE, _MAX_WINDOW)
        widened = struct.pack(">L", _MAX_WINDOW - _DEFAULT_WINDOW)
        self._transport.write(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + _frame(_SETTINGS, 0, 0, settings)
            + _frame(_WINDOW_UPDATE, 0, 0, widened)
        )

    def ask(self, answer: Answer) -> None:
        """Starts another call."""
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        self._answers[stream] = answer
        head = _frame(_HEADERS, _END_HEADERS, stream, self._headers)
        self._transport.write(head + _frame(_DATA, _END_STREAM, stream, self._message))

    def data_received(self, data: bytes) -> None:
        data = self._received + data
        at, end = 0, len(data)
        while end - at >= _FRAME_HEAD.size:
            high, low, kind, flags, stream = _FRAME_HEAD.unpack_from(data, at)
            content_at = at + _FRAME_HEAD.size
            following = content_at + (high << 16) + low
            if following > end:
                break
            if kind <= _HEADERS:
                self._receive(kind, flags, stream, data[content_at:following])
            else:
                self._heed(kind, flags, stream, data[content_at:following])
            at = following
        self._received = data[at:]
        self._top_up(at)

    def _receive(self, kind: int, flags: int, stream: int, content: bytes) -> None:
        answer = self._answers.get(stream)
        if answer is None:
            return
        if kind == _DATA and content:
            answer.receive(content)
        if flags & _END_STREAM:
            self._finish(stream, content if kind == _HEADERS else b"")

    def _heed(self, kind: int, flags: int, stream: int, content: bytes) -> None:
        if kind in {_SETTINGS, _PING} and not flags & _ACK:
            self._transport.write(_frame(kind, _ACK, 0, content if kind == _PING else b""))
        elif kind == _RST_STREAM:
            self._finish(stream, b"RST_STREAM " + content)
        elif kind == _GOAWAY:
            self._goaway = content
            self._transport.close()

    def _finish(self, stream: int, why: bytes) -> None:
        if answer := self._answers.pop(stream, None):
            answer.end(why)

    def _top_up(self, count: int) -> None:
        self._since_top_up += count
        if self._since_top_up > _TOP_UP:
            self._transport.write(_frame(_WINDOW_UPDATE, 0, 0, struct.pack(">L", _TOP_UP)))
            self._since_top_up -= _TOP_UP

    def connection_lost(self, error: Exception | None) -> None:
        for stream in list(self._answers):
            self._finish(stream, b"connection lost: %r, GOAWAY %b" % (error, self._goaway))

    def close(self) -> None:
        """Drops the connection and its running calls."""
        self._answers.clear()
        self._transport.abort()
