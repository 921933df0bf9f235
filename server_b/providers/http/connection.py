"""One HTTP/1.1 connection: a request out, its answer in, then perhaps the next."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import cast

from server_b.providers.http.answer import ConnectionLost, HttpAnswer, HttpFailure, NotHttp


def field_lines(fields: Mapping[str, str]) -> str:
    """Writes fields of a head as they stand on the wire."""
    return "".join([f"{name}: {value}\r\n" for name, value in fields.items()])


def request_head(method: str, target: str, lines: str) -> bytes:
    """Makes the head of a request; `target` and `lines` as they stand on the wire."""
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


class HttpConnection(asyncio.Protocol):
    """Carries one request at a time."""

    _transport: asyncio.Transport

    def __init__(self, release: Callable[[HttpConnection], None]) -> None:
        """`release` hears that the connection can carry another request."""
        self._release = release
        self._answer: HttpAnswer | None = None
        self.idle_since = 0.0
        """When it was released last, in the event loop's time."""

    @property
    def is_open(self) -> bool:
        """Whether nothing is known of its end."""
        return not self._transport.is_closing()

    def ask(self, request: bytes) -> HttpAnswer:
        """Sends a request; returns its answer, of which nothing has come yet. Raises ConnectionLost."""
        if not self.is_open:
            raise ConnectionLost
        self._answer = HttpAnswer(hold=self._hold, leave=self._leave)
        self._transport.write(request)
        return self._answer

    async def encrypt(self, context: ssl.SSLContext, host: str) -> None:
        """Goes on encrypted, with the one whose certificate is for `host`. Raises ConnectionLost, or OSError."""
        self._answer = None
        loop = asyncio.get_running_loop()
        transport = await loop.start_tls(self._transport, self, context, server_hostname=host)
        if transport is None:
            raise ConnectionLost
        self._transport = transport

    def abort(self) -> None:
        """Closes the connection at once; what is unsent is not sent."""
        self._transport.abort()

    def _hold(self, held: bool) -> None:
        if self.is_open:
            self._transport.pause_reading() if held else self._transport.resume_reading()

    def _leave(self, answer: HttpAnswer) -> None:
        if answer is not self._answer:
            return
        self._answer = None
        if answer.whole and answer.lasting and self.is_open and not self._transport.get_write_buffer_size():
            self._release(self)
        else:
            self.abort()

    def _lose(self, failure: HttpFailure | None) -> None:
        if self._answer is not None:
            self._answer.lose(failure)

    # asyncio's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes what the connection is written to."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hands on what has come; what nobody asked for ends the connection."""
        try:
            if self._answer is None:
                raise NotHttp
            self._answer.feed(data)
        except NotHttp as failure:
            self.abort()
            self._lose(failure)

    def connection_lost(self, error: Exception | None) -> None:
        """Ends the answer that is under way."""
        self._lose(ConnectionLost() if error else None)
