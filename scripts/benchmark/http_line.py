"""An HTTP/1.1 client for loads, at the level of bytes: one request at a time on a persistent connection."""

from __future__ import annotations

import asyncio
from typing import cast

from scripts.benchmark.tally import Answer

_HEAD_END = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"


def post(port: int, path: str, body: bytes, *headers: str) -> bytes:
    """Returns a POST request with a JSON body."""
    lines = (f"POST {path} HTTP/1.1", f"host: 127.0.0.1:{port}", "content-type: application/json", *headers)
    return "\r\n".join((*lines, f"content-length: {len(body)}", "", "")).encode() + body


class HttpLine(asyncio.Protocol):
    """One connection."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._transport: asyncio.Transport
        self._answer: Answer | None = None
        self._head = b""
        self._left = 0
        """Bytes of the body that are still missing; negative: the body is chunked."""
        self._end = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transport is no subclass

    def ask(self, answer: Answer) -> None:
        """Sends the request again."""
        self._answer = answer
        self._head = b""
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            return
        if not self._head.endswith(_HEAD_END):
            data = self._read_head(data)
            if not data and self._left:
                return
        self._answer.receive(data)
        if self._left < 0:
            self._end = (self._end + data)[-len(_LAST_CHUNK) :]
            is_over = self._end == _LAST_CHUNK
        else:
            self._left -= len(data)
            is_over = self._left <= 0
        if is_over:
            self._finish()

    def _read_head(self, data: bytes) -> bytes:
        """Removes the head once it is complete; returns the beginning of the body."""
        head, ended, body = (self._head + data).partition(_HEAD_END)
        self._head = head + ended
        self._left, self._end = 1, b""
        if ended:
            _, named, value = head.lower().partition(b"content-length:")
            self._left = int(value.partition(b"\r")[0]) if named else -1
        return body

    def _finish(self, why: bytes = b"") -> None:
        answer, self._answer = self._answer, None
        assert answer is not None
        answer.end(why or self._head)

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None:
            self._finish(b"connection lost: %r" % error)

    def close(self) -> None:
        """Drops the connection and its running request."""
        self._answer = None
        self._transport.abort()
