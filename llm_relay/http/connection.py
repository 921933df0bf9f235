"""One HTTP/1.1 connection: uvicorn's, with more limits. It notices at any time that its client has left."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from llm_relay.http.head_check import (
    CHUNKS_TOO_LARGE,
    HEAD_TOO_LARGE,
    MAX_HEAD_BYTES,
    NOT_HTTP,
    Refusal,
    RefusedError,
    check_head,
    check_size,
)
from llm_relay.http.http10 import without_chunks

logger = logging.getLogger("relay.http")

HEAD_TIMEOUT_S = 15.0
"""How long a client may take to send a request's head, or the rest of a body that is already answered."""
FRAMING_BYTES = 8
"""Chunk sizes, extensions and trailers allowed for each byte of a chunked body, besides MAX_HEAD_BYTES in all."""
WRITE_AHEAD_BYTES = 16 * 1024
"""How much of an answer is buffered for a client that does not read, before the writer has to wait."""
MAX_PIPELINED_BYTES = 256 * 1024
"""How much a client may send after a request that is not answered yet."""
MAX_LATE_BYTES = 1024 * 1024
"""How much a client may send after its connection was ended, so that it can read the last answer."""


class HttpConnection(HttpToolsProtocol):
    """Closes connections without a request, limits heads, and keeps reading while a request is answered.

    uvicorn stops reading when one request waits behind another, so it does not notice that the client has left. It
    accepts bodies in codings that it cannot decode, and adds trailers to the header fields after their check.
    """

    head_timeout_s = HEAD_TIMEOUT_S
    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes: int | None = None
    """Bytes of the current head, not counting the read in which it began; None if no head is being received."""
    _read_bytes = 0
    """Size of the last read."""
    _is_reading_body = False
    """Whether a request's head has arrived, but not its whole body."""
    _framing_bytes: int | None = None
    """Bytes around a body's chunks, minus the allowance; None if no chunked body is being received."""
    _answering: RequestResponseCycle | None = None
    """The request that is being answered, or the last one."""
    _pipelined_bytes = 0
    """Bytes received while a request has been waiting behind another."""
    _is_ignoring = False
    """Whether further input is discarded, and the connection ends with the current answer."""
    _late_bytes: int | None = None
    """Bytes received since the connection was ended; None before that."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(WRITE_AHEAD_BYTES)
        self._wait_for_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_bytes is None:  # a trailer, which is not a header field (RFC 9110, 6.5.1)
            return
        # RFC 9110, 5.5: whitespace around a value is not part of it. httptools keeps the whitespace after it.
        super().on_header(name, value.strip(b" \t"))

    def on_headers_complete(self) -> None:
        if self._head_bytes or self._read_bytes > MAX_HEAD_BYTES:
            check_size(self.url, self.headers)
        self._head_bytes = None
        if not self.parser.should_upgrade():
            is_chunked = check_head(self.parser.get_http_version(), self.url, self.headers)
            self._framing_bytes = 0 if is_chunked else None
            self._is_reading_body = True
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._framing_bytes is not None:
            self._framing_bytes -= len(body) * (1 + FRAMING_BYTES)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_reading_body, self._framing_bytes = False, None
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        if self._is_ignoring:
            self._ignore(len(data))
            return
        self._read_bytes = len(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(HEAD_TOO_LARGE)
                return
        if self._framing_bytes is not None:
            self._framing_bytes += len(data)
        self._unset_keepalive_if_required()
        self._parse(data)
        if (self._framing_bytes or 0) > MAX_HEAD_BYTES:
            self._refuse(CHUNKS_TOO_LARGE)
        if self.pipeline:
            self._keep_reading(len(data))
        if not self._is_answering():
            self._wait_for_head()
        elif self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _parse(self, data: bytes) -> None:
        refusal = NOT_HTTP
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                is_tunnel = self.parser.get_method() == b"CONNECT"
                data = b"" if is_tunnel else self._without_upgrade() + data[upgrade.args[0] :]
            except httptools.HttpParserError as error:
                data = b""
                if isinstance(error.__context__, RefusedError):  # raised by a method that the parser called
                    refusal = error.__context__.refusal
            else:
                return
        self._refuse(refusal)

    def _without_upgrade(self) -> bytes:
        """Returns the request's head without its Upgrade header.

        Java's and curl's clients offer h2c in it. The parser stops at it, and the request's body would be lost.
        """
        first = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        lines = [b"%b: %b" % (name, value) for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([first, *lines, b"", b""])

    def _refuse(self, refusal: Refusal) -> None:
        logger.warning("refused a request: %s", refusal.text)
        cycle, is_answered = self._answering, False
        if self._is_reading_body and cycle is not None and self.cycle is cycle:
            is_answered = cycle.response_started  # early, such as a 413
            if not is_answered:
                cycle.disconnected = True
                cycle.message_event.set()
        if self._is_answering():
            self._ignore_input()  # the current answer continues
            return
        if not is_answered:
            self.transport.write(refusal.response(self.server_state.default_headers))
        self._ignore_input()
        self._hang_up()
        if not self.transport.can_write_eof():
            self.transport.close()

    def on_response_complete(self) -> None:
        if self._is_ignoring:
            self._hang_up()
        else:
            super().on_response_complete()

    def _hang_up(self) -> None:
        """Sends nothing more. Closes the connection when the client has closed it, after a while or MAX_LATE_BYTES.

        Not at once: unread input would make the kernel reset the connection, and the answer could be lost.
        """
        self._late_bytes = 0
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        self.pipeline.clear()
        self.cycle = self._answering  # type: ignore[assignment]  # None before the first request, whatever its type says
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        self._pipelined_bytes = 0
        is_old = cycle.scope["http_version"] == "1.0"
        super()._start_asgi_task(cycle, without_chunks(app, cycle) if is_old else app)

    def _is_answering(self) -> bool:
        return self._answering is not None and not (self._answering.response_complete or self._answering.disconnected)

    def _keep_reading(self, length: int) -> None:
        self._pipelined_bytes += length
        if self._pipelined_bytes > MAX_PIPELINED_BYTES:
            self._ignore_input()
        self.flow.resume_reading()

    def _ignore(self, length: int) -> None:
        if self._late_bytes is not None:
            self._late_bytes += length
            if self._late_bytes > MAX_LATE_BYTES:
                self.transport.close()

    def _ignore_input(self) -> None:
        self._is_ignoring, self._framing_bytes = True, None
        self.pipeline.clear()

    def _wait_for_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_timeout_s, self.transport.close)
