"""The connections of the HTTP client: aiohttp's, with what a relay has to know about each."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import re
import socket
import ssl
from collections.abc import Callable
from typing import cast

from aiohttp import (
    AddrInfoType,
    ClientConnectionResetError,
    ClientPayloadError,
    ClientRequest,
    ClientTimeout,
    StreamReader,
    TCPConnector,
    ThreadedResolver,
)
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection as Lease
from aiohttp.http import RawResponseMessage

from server_b.providers.http.limits import Limits

READ_AHEAD_BYTES = 16 * 1024
"""When twice as much of a body waits for its reader, the connection is no longer read."""
WRITTEN_AT_ONCE_BYTES = 2**20
"""A larger request is written in parts, so that other requests get a turn."""
PART_BYTES = 2**16
MAX_LINE_BYTES = 16 * 1024
MAX_FIELD_BYTES = 64 * 1024
MAX_FIELDS = 512
RECEIVE_BUFFER_BYTES = 32 * 1024
"""How much of an unread answer the kernel keeps (it doubles the value for its own bookkeeping)."""
_KEEP_ALIVE_TIMEOUT = re.compile(r"\btimeout\s*=\s*\"?(\d{1,9})")
_X_GZIP = re.compile(rb"(?im)^(content-encoding:[ \t]*)x-gzip\b")
_CLOSING_MARGIN_S = 1.0
"""How much earlier than the server we close an idle connection, so that no request meets a closing server; seconds."""


class Connection(ResponseHandler):
    """One HTTP/1.1 connection; it carries one request at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, redial_within_s: float) -> None:
        """A connection that is lost within `redial_within_s` seconds of a request counts as stale."""
        super().__init__(loop)
        self._redial_within_s = redial_within_s
        self.requests = 0
        """Number of requests that were sent over it."""
        self._writing: asyncio.Task[None] | None = None
        """The task that writes a large request."""
        self._idle_limit_s = math.inf
        self._asked_at = 0.0
        self._read_at = 0.0
        self._answered = False

    async def exchange(self, request: bytes) -> tuple[RawResponseMessage, StreamReader]:
        """Sends a request. Returns the head of the response when it has arrived, and the body, still arriving.

        Raises aiohttp's exceptions for a lost connection, or for an answer that is not HTTP.
        """
        self.requests += 1
        self._asked_at = self._loop.time()
        self._answered = False
        self.set_response_params(
            read_until_eof=True,
            read_bufsize=READ_AHEAD_BYTES,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_FIELD_BYTES,
            max_headers=MAX_FIELDS,
        )
        if self.transport is None:
            raise ClientConnectionResetError
        if len(request) <= WRITTEN_AT_ONCE_BYTES:
            self.transport.write(request)
        else:
            self._writing = asyncio.create_task(self._write_in_parts(request))
        while True:
            message, body = await self.read()
            if message.code >= 200 or message.code == 101:
                return message, body

    async def _write_in_parts(self, request: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # the reader gets this error
            for start in range(0, len(request), PART_BYTES):
                await self._drain_helper()
                if self.transport is not None:
                    self.transport.write(request[start : start + PART_BYTES])

    @property
    def should_close(self) -> bool:
        """Whether it cannot carry another request, for example because the last one is still being written."""
        return super().should_close or (self._writing is not None and not self._writing.done())

    def data_received(self, data: bytes) -> None:
        """Takes data that has arrived."""
        if data:
            self._read_at = self._loop.time()
            if not self._answered:
                self._answered = True
                data = self._without_head(data)
        super().data_received(data)
        if self.exception() is not None:
            self._end_body()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Reads on after `pause_reading`. aiohttp calls it for each chunk of a body, which would poll the parser."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def _without_head(self, data: bytes) -> bytes:
        """Passes the head on by itself, so that malformed data after it cannot lose the answer."""
        head, end, rest = data.partition(b"\r\n\r\n")
        if b"x-gzip" in head.lower():  # https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1.3
            head = _X_GZIP.sub(rb"\1gzip", head)
        super().data_received(head + end)
        return rest

    def _end_body(self) -> None:
        """Tells the reader of a body that it is malformed. aiohttp tells only readers that wait for a head."""
        if self._payload is not None and not self._payload.is_eof() and self._payload.exception() is None:
            self._payload.set_exception(ClientPayloadError("malformed"))

    def close(self) -> None:
        """Closes at once, without sending what is still unsent."""
        if self._writing is not None:
            self._writing.cancel()
        self.abort()

    @property
    def is_good(self) -> bool:
        """Whether the server's announced idle time has not passed yet."""
        return self._loop.time() < self._read_at + self._idle_limit_s

    @property
    def was_stale(self) -> bool:
        """Whether it was probably closed while idle: it was used before, and was lost at once, without a byte."""
        age_s = self._loop.time() - self._asked_at
        return self.requests > 1 and not self._answered and age_s < self._redial_within_s

    def obey_keep_alive(self, header: str) -> None:
        """Reads from the Keep-Alive header how long the server keeps an idle connection."""
        if stated := _KEEP_ALIVE_TIMEOUT.search(header.lower()):
            self._idle_limit_s = int(stated[1]) - _CLOSING_MARGIN_S


class Connector(TCPConnector):
    """A pool without a limit: it has as many connections as there are concurrent requests."""

    def __init__(self, tls: ssl.SSLContext | None, limits: Limits, resolver: AbstractResolver | None = None) -> None:
        """Without `tls`, aiohttp's own context is used for https: servers; without `resolver`, the system's."""
        super().__init__(
            limit=0,
            ssl=tls or True,
            keepalive_timeout=limits.idle_s,
            resolver=resolver or ThreadedResolver(),
            socket_factory=_create_socket,
        )
        self._patience = ClientTimeout(total=None, connect=limits.connect_timeout_s)
        # aiohttp offers no other way to set a connection class. The tests of reused connections check that it works.
        kind: Callable[..., ResponseHandler] = Connection
        self._factory = functools.partial(kind, loop=self._loop, redial_within_s=limits.redial_within_s)

    async def lease(self, server: ClientRequest, *, fresh: bool) -> Lease:
        """Returns a connection: an idle one that is still good, or a new one; always a new one if `fresh`.

        `server` is an aiohttp request that names the server and the proxy before it.
        """
        while True:
            lease = await self.connect(server, [], self._patience)
            connection = leased(lease)
            if not connection.requests or (connection.is_good and not fresh):
                return lease
            lease.close()


def leased(lease: Lease) -> Connection:
    """Returns the connection of a lease that has not been released."""
    return cast("Connection", lease.protocol)


def _create_socket(address: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    created = socket.socket(family=family, type=kind, proto=protocol)
    # This must come before connecting, because TCP agrees on the largest window then.
    created.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    return created
