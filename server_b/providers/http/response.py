"""One response: its status, its headers, and its body as it arrives, decoded and bounded."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Mapping

from aiohttp import StreamReader
from aiohttp.connector import Connection as Lease
from aiohttp.http import RawResponseMessage
from yarl import URL

from llm_relay.errors import ProviderProtocol
from server_b.providers.http.errors import FAILURES, body_failure
from server_b.providers.http.limits import Limits

DRAIN_S = 0.1
"""How long the end of a body may take after the last useful byte before its connection is closed, in seconds."""


class Response:
    """The response to one request. One reader reads its body and closes it."""

    def __init__(self, head: RawResponseMessage, body: StreamReader, lease: Lease, server: URL, limits: Limits) -> None:
        """`lease` is the lease of the connection that the response arrives on."""
        self.status = head.code
        self.headers: Mapping[str, str] = head.headers
        """Names are case-insensitive; if a name occurs twice, the first value is returned."""
        self._body = body
        self._lease = lease
        self._server = server
        self._bytes_left: float = limits.max_decoded_bytes if "Content-Encoding" in head.headers else math.inf
        body.on_eof(lease.release)

    async def next_chunk(self) -> bytes:
        """Returns what has arrived of the body since the last chunk, or waits for more; empty at its end.

        Raises ProviderProtocol if the body is cut short, malformed or unpacks to too much.
        """
        try:
            chunk = await self._body.readany()
        except FAILURES as error:
            raise body_failure(error, self._server) from error
        self._bytes_left -= len(chunk)
        if self._bytes_left < 0:
            raise ProviderProtocol("the provider's answer is too large")
        return chunk

    async def read(self, limit: int) -> bytes:
        """Returns the whole body. Raises ProviderProtocol if it is cut short or larger than `limit` bytes."""
        body = bytearray()
        while chunk := await self.next_chunk():
            body += chunk
            if len(body) > limit:
                raise ProviderProtocol("the provider's answer is too large")
        return bytes(body)

    async def drain(self) -> None:
        """Reads to the body's end, for at most DRAIN_S seconds, so that the connection can serve another request."""
        if self._body.at_eof():
            return
        with contextlib.suppress(TimeoutError, ProviderProtocol):
            async with asyncio.timeout(DRAIN_S):
                while await self.next_chunk():
                    pass

    def close(self) -> None:
        """Releases the connection, or closes it at once if the body has not been read to its end."""
        self._lease.close()
