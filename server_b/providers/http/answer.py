"""One HTTP/1.1 answer, as httptools (Node's own parser, llhttp) reads it from a connection's bytes.

HttpFailure
├── ConnectionLost   there is no connection, or it ended before the answer did
├── ProxyRefusal     the proxy on the way passes nothing on
└── NotHttp          what came is no HTTP answer
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import httptools

from server_b.core.broadcast import Waiters

MAX_HEAD_BYTES = 128 * 1024
"""How much may come in a row that is no part of a body: a head, trailers, what adorns a chunk."""
READ_AHEAD_BYTES = 256 * 1024
"""How much of a body may wait for its reader before the connection is no longer read."""


class HttpFailure(Exception):
    """A request that has no whole answer."""


class ConnectionLost(HttpFailure):
    """There is no connection, or it ended before the answer did."""


class ProxyRefusal(HttpFailure):
    """The proxy on the way passes nothing on."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class NotHttp(HttpFailure):
    """What came is no HTTP answer."""


class HttpAnswer:
    """The answer to one request. A connection writes it, one reader takes its body and closes it.

    It is whole when HTTP says so: by its length, by its last chunk or, where it has neither, by the connection's end;
    over TLS too, though anyone can feign that one.
    """

    def __init__(self, *, hold: Callable[[bool], None], leave: Callable[[HttpAnswer], None]) -> None:
        """`hold` has the connection read no further (True) or go on (False); `leave` hears of the reader's leaving."""
        self.status = 0
        """0 until the head has come."""
        self.lasting = False
        """Whether the connection can serve another request once this answer is whole."""
        self.whole = False
        self._hold = hold
        self._leave = leave
        self._parser: httptools.HttpResponseParser | None = _create_parser(self)
        self._fields: list[tuple[bytes, bytes]] = []
        self._blocks: list[bytes] = []
        self._waiting_bytes = 0
        self._head_bytes = 0
        self._held = False
        self._failure: HttpFailure | None = None
        self._changed = Waiters()

    # The reader's side.

    @property
    def headers(self) -> Mapping[str, str]:
        """The fields of the head, their names in lower case; of a name that comes twice the first."""
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in reversed(self._fields)}

    async def head(self) -> None:
        """Waits until the head has come; raises HttpFailure."""
        while not self.status:
            await self._news()

    async def read(self) -> bytes:
        """Waits for more of the body, and returns what has come since the last time: nothing at its end.

        Raises HttpFailure, after what came before it.
        """
        while not self._blocks:
            if self.whole:
                return b""
            await self._news()
        block = self._blocks[0] if len(self._blocks) == 1 else b"".join(self._blocks)
        self._blocks.clear()
        self._waiting_bytes = 0
        self._go_on()
        return block

    async def _news(self) -> None:
        if self._failure is not None:
            raise self._failure
        await self._changed.wait()

    def close(self) -> None:
        """Leaves the connection to others, or closes it at once where the answer is not whole."""
        self._go_on()
        self._leave(self)
        self._blocks.clear()
        self._parser = None  # it refers to the answer, and would keep it from being freed at once

    def _go_on(self) -> None:
        if self._held:
            self._held = False
            self._hold(False)

    # The connection's side.

    def feed(self, data: bytes) -> None:
        """Reads what the connection brought; raises NotHttp."""
        if self._parser is None:
            raise NotHttp
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise NotHttp from error
        if self._head_bytes > MAX_HEAD_BYTES:
            raise NotHttp

    def lose(self, failure: HttpFailure | None) -> None:
        """The connection has ended, of itself or by `failure`: the end of an answer that has no other."""
        if self.whole or self._failure is not None:
            return
        if failure is None and self.status and self._ends_with_connection():
            self.whole = True
        else:
            self._failure = failure or ConnectionLost()
        self._changed.wake()

    def _ends_with_connection(self) -> bool:
        headers = self.headers
        coding = headers.get("transfer-encoding")
        if coding is not None:
            return not coding.lower().endswith("chunked")
        return "content-length" not in headers

    # The parser's side; the names are httptools'.

    def on_message_begin(self) -> None:
        """Refuses what nobody asked for."""
        if self.whole:
            raise NotHttp

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a field of the head; trailers are not for us."""
        if not self.status:
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Takes the head, unless it only announces another one."""
        if self._parser is None or (status := self._parser.get_status_code()) < 100:
            raise NotHttp
        if status < 200 and status != 101:
            self._fields.clear()
            return
        self._head_bytes = 0
        self.status = status
        self.lasting = self._parser.should_keep_alive()
        self._changed.wake()

    def on_body(self, data: bytes) -> None:
        """Takes a part of the body."""
        self._head_bytes = 0
        self._blocks.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes > READ_AHEAD_BYTES and not self._held:
            self._held = True
            self._hold(True)
        self._changed.wake()

    def on_message_complete(self) -> None:
        """Notes the end, unless it is that of an announcement."""
        if self.status:
            self._head_bytes = 0
            self.whole = True
            self._changed.wake()


def _create_parser(answer: HttpAnswer) -> httptools.HttpResponseParser:
    parser = httptools.HttpResponseParser(answer)
    # What servers that people write themselves do, and a client may pass over:
    # https://www.rfc-editor.org/rfc/rfc9112#section-2.2 and, of folded lines, #section-5.2
    parser.set_dangerous_leniencies(
        lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
    )
    return parser
