"""Detects that the client has left: HTTP frameworks do not stop a request that no client waits for."""

from __future__ import annotations

import asyncio
from types import TracebackType

from starlette.types import Receive


class ClientGone(Exception):
    """The client closed its connection before the end of the answer."""


class while_client_stays:  # noqa: N801 - read as a phrase: async with while_client_stays(receive)
    """Cancels the block when the client closes its connection, and then raises ClientGone.

    Read the request's body first: the rest of it is discarded.
    """

    __slots__ = ("_receive", "_timeout", "_watcher")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._timeout = asyncio.timeout(None)
        """Expires when the client has left."""

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        self._watcher = asyncio.create_task(self._watch())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watcher.cancel()
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as gone:
            raise ClientGone from gone

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._timeout.reschedule(asyncio.get_running_loop().time())
