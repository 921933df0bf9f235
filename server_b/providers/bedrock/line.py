"""Connections that can be cut from another thread, which botocore's own cannot.

A call to Bedrock blocks its thread in `recv`, and nothing but shutting the socket down wakes it. Here a thread
works for one Line at a time, and the connection that it uses belongs to that line until it is back in the pool.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

from botocore.awsrequest import AWSHTTPConnection, AWSHTTPSConnection
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.response import HTTPResponse

T = TypeVar("T")


class Line:
    """One call's way to the provider."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: HTTPConnection | None = None
        self._is_cut = False
        self.is_answered = False
        """The head of an answer has come."""

    def carry(self, work: Callable[[], T]) -> T:
        """Does the work in this thread; the connection that it uses is this line's."""
        _line.set(self)
        try:
            return work()
        finally:
            self.let_go()

    def cut(self) -> None:
        """Closes the connection at once, now or as soon as there is one; from any thread, without blocking."""
        with self._lock:
            self._is_cut = True
            if self._connection is not None and self._connection.sock is not None:
                _shut(self._connection.sock)

    def take(self, connection: HTTPConnection) -> None:
        """Makes the connection this line's; raises ConnectionAbortedError if the line has been cut."""
        with self._lock:
            if self._is_cut:
                raise ConnectionAbortedError
            self._connection = connection
            self.is_answered = False

    def let_go(self) -> None:
        """Leaves the connection to others."""
        with self._lock:
            self._connection = None


_line: ContextVar[Line] = ContextVar("line")


def is_answered() -> bool:
    """Tells whether the head of an answer has come in the call that this thread works for."""
    return _line.get().is_answered


def make_cuttable(client: Any) -> None:
    """Gives a botocore client connections that belong to lines; to be called before its first request."""
    # botocore has no door for this. The direct connections and those through proxies share this one table.
    pools = client._endpoint.http_session._pool_classes_by_scheme  # noqa: SLF001
    pools.update(http=_HTTPPool, https=_HTTPSPool)


def _shut(sock: socket.socket) -> None:
    # Below TLS, whose own shutdown would take the cipher from under the thread that reads;
    # TLS within a proxy's TLS is no socket itself, but has one.
    plain = getattr(sock, "socket", sock)
    with contextlib.suppress(OSError):  # closed meanwhile
        socket.socket.shutdown(plain, socket.SHUT_RDWR)


class _Cuttable(HTTPConnection):
    line: Line | None = None
    """The line that it belongs to, or last did."""

    def connect(self) -> None:
        super().connect()
        self._belong()

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._belong()
        super().request(*args, **kwargs)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        response = super().getresponse()
        _line.get().is_answered = True
        return response

    def _belong(self) -> None:
        self.line = _line.get()
        self.line.take(self)


class _HTTPConnection(_Cuttable, AWSHTTPConnection):  # type: ignore[misc]
    pass


class _HTTPSConnection(_Cuttable, AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection

    def _put_conn(self, conn: Any) -> None:
        # In any thread: an answer that was not read to its end is put back by the garbage collector.
        if conn is not None and conn.line is not None:
            conn.line.let_go()
        super()._put_conn(conn)


class _HTTPSPool(_HTTPPool, HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection
