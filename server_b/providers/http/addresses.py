"""The addresses of a provider's server, or of the proxy before it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from aiohappyeyeballs import AddrInfoType
from yarl import URL

ADDRESSES_KEPT_S = 10.0


class Addresses:
    """The addresses of a host, looked up once for all who ask meanwhile, and kept for ADDRESSES_KEPT_S."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._lookup: asyncio.Task[Sequence[AddrInfoType]] | None = None
        self._good_until = 0.0

    async def get(self) -> Sequence[AddrInfoType]:
        """Returns them; raises OSError or UnicodeError."""
        now = asyncio.get_running_loop().time()
        if self._lookup is None or (self._lookup.done() and now >= self._good_until):
            self._lookup = asyncio.create_task(self._look_up())
            self._lookup.add_done_callback(self._note)
        # Who leaves leaves the others' lookup alone.
        return await asyncio.shield(self._lookup)

    def forget(self) -> None:
        """Has them looked up anew next time: nobody is there."""
        self._good_until = 0.0

    async def _look_up(self) -> Sequence[AddrInfoType]:
        loop = asyncio.get_running_loop()
        return await loop.getaddrinfo(self._url.raw_host, self._url.port, type=socket.SOCK_STREAM)

    def _note(self, lookup: asyncio.Task[Sequence[AddrInfoType]]) -> None:
        if not lookup.cancelled() and lookup.exception() is None:
            self._good_until = asyncio.get_running_loop().time() + ADDRESSES_KEPT_S
