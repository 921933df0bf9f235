"""One HTTP/1.1 connection: uvicorn's, with limits that it lacks, and one that sees its client leave at any moment."""

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
"""How long a client may take to send a request's head, or the rest of a body that has been answered already."""
FRAMING_BYTES = 8
"""What may surround each byte of a body that comes in chunks, beside MAX_HEAD_BYTES: sizes, extensions and trailers."""
WRITE_AHEAD_BYTES = 16 * 1024
"""How much of an answer may wait for a client that does not read, before its writer has to wait."""
MAX_PIPELINED_BYTES = 256 * 1024
"""How much a client may send behind a request that is not answered yet."""


class HttpConnection(HttpToolsProtocol):
    """Closes connections on which no request gets under way, bounds heads, and reads on while a request is answered.

    uvicorn stops reading when one request waits behind another, and so does not see the client leave. It takes bodies
    in codings that it cannot decode, and adds a body's trailers to the header fields, after they were checked.
    """

    head_timeout_s = HEAD_TIMEOUT_S
    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes: int | None = None
    """What has come of a head since the read that it began with; None where no head is under way."""
    _read_bytes = 0
    """Size of the last read."""
    _is_reading_body = False
    """Whether the head of a request has come, and its body is not whole."""
    _framing_bytes: int | None = None
    """What has come around a body's chunks, less what may; None where no chunks come."""
    _answering: RequestResponseCycle | None = None
    """The request that is answered now, or was last."""
    _pipelined_bytes = 0
    """What has come since a request has been waiting behind another."""
    _is_ignoring = False
    """Whether what still comes is thrown away, and the connection ends with the answer that is under way."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(WRITE_AHEAD_BYTES)
        self._wait_for_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_bytes is None:  # a trailer; RFC 9110, 6.5.1: it must not be taken for a header field
            return
        # RFC 9110, 5.5: blanks around a value are no part of it. httptools keeps those behind it.
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
            self._read_on(len(data))
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
        """Returns the request's head without the offer to speak another protocol.

        Java's and curl's clients make the offer (h2c). The parser stops at it, and the request's body would be lost.
        """
        first = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        lines = [b"%b: %b" % (name, value) for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([first, *lines, b"", b""])

    def _refuse(self, refusal: Refusal) -> None:
        logger.warning("refused a request: %s", refusal.text)
        cycle, is_answered = self._answering, False
        if self._is_reading_body and cycle is not None and self.cycle is cycle:
            is_answered = cycle.response_started  # early, as 413 is
            if not is_answered:
                cycle.disconnected = True
                cycle.message_event.set()
        if self._is_answering():
            self._ignore_what_comes()  # the answer under way is sound, and goes on
            return
        if not is_answered:
            self.transport.write(refusal.response(self.server_state.default_headers))
        self._ignore_what_comes()
        self._hang_up()
        if not self.transport.can_write_eof():
            self.transport.close()

    def on_response_complete(self) -> None:
        if self._is_ignoring:
            self._hang_up()
        else:
            super().on_response_complete()

    def _hang_up(self) -> None:
        """Sends nothing more, and closes the connection when the client has, or in a while.

        Not at once: the kernel would reset the connection for what comes unread, and the answer could be lost.
        """
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

    def _read_on(self, length: int) -> None:
        self._pipelined_bytes += length
        if self._pipelined_bytes > MAX_PIPELINED_BYTES:
            self._ignore_what_comes()
        self.flow.resume_reading()

    def _ignore_what_comes(self) -> None:
        self._is_ignoring, self._framing_bytes = True, None
        self.pipeline.clear()

    def _wait_for_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_timeout_s, self.transport.close)
