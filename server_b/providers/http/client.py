"""An HTTP/1.1 client of one server, with no more to it than a provider needs: no redirects, no cookies.

It stands on httptools, aiohappyeyeballs and asyncio's own TLS. Over aiohttp's client a request to the relay took a
quarter more CPU.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from yarl import URL

from server_b.providers.http.answer import ConnectionLost, HttpAnswer
from server_b.providers.http.connection import HttpConnection, field_lines, request_head
from server_b.providers.http.dialling import Dialler

KEEPALIVE_S = 30.0
"""How long a connection is kept for the next request."""


class HttpClient:
    """Keeps as many connections as there are requests at once, and waits for answers without limit."""

    def __init__(self, server: URL, fields: Mapping[str, str]) -> None:
        """`fields` head every request. Raises ValueError that names the variable of a proxy that cannot be used.

        To be made on the running event loop.
        """
        self._loop = asyncio.get_running_loop()
        self._dialler = Dialler(server, lambda: HttpConnection(self._keep))
        self._lines = field_lines({"Host": server.host_port_subcomponent or "", **fields, **self._dialler.fields})
        self._idle: list[HttpConnection] = []
        """The one that was used last is at the end."""
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def ask(self, method: str, url: URL, fields: Mapping[str, str], body: bytes = b"") -> HttpAnswer:
        """Sends a request; returns the answer, to be closed, when its head has come. Raises HttpFailure."""
        lines = self._lines + field_lines(fields)
        if body:
            lines += field_lines({"Content-Length": str(len(body))})
        request = request_head(method, self._dialler.target(url), lines) + body
        if (connection := self._take()) is not None:
            try:
                return await _asked(connection, request)
            except ConnectionLost:
                # The server has closed it while it was idle, or was at work when it did: nothing but a GET is repeated.
                if method != "GET":
                    raise
        return await _asked(await self._dialler.dial(), request)

    def close(self) -> None:
        """Closes the connections; those that are in use, when they are left."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        while self._idle:
            self._idle.pop().abort()

    def _take(self) -> HttpConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    def _keep(self, connection: HttpConnection) -> None:
        if self._closed:
            connection.abort()
            return
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(KEEPALIVE_S, self._close_the_longest_idle)

    def _close_the_longest_idle(self) -> None:
        self._sweep = None
        latest = self._loop.time() - KEEPALIVE_S
        while self._idle and self._idle[0].idle_since <= latest:
            self._idle.pop(0).abort()
        if self._idle:
            self._sweep = self._loop.call_at(self._idle[0].idle_since + KEEPALIVE_S, self._close_the_longest_idle)


async def _asked(connection: HttpConnection, request: bytes) -> HttpAnswer:
    answer = connection.ask(request)
    try:
        await answer.head()
    except BaseException:
        answer.close()
        raise
    return answer
