"""Whether the client is still there: nothing in HTTP frameworks ends a call when it is not."""

from __future__ import annotations

import asyncio
from types import TracebackType

from starlette.types import Receive


class ClientGone(Exception):
    """The client closed its connection before it had its whole answer."""


class while_client_stays:  # noqa: N801 - read as a phrase: async with while_client_stays(receive)
    """Cancels the block when the client closes its connection, and raises ClientGone then.

    The request's body must have been read: what is left of it is thrown away.
    """

    __slots__ = ("_patience", "_receive", "_watcher")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._patience = asyncio.timeout(None)
        """Ends when the client is gone, whenever that is."""

    async def __aenter__(self) -> None:
        await self._patience.__aenter__()
        self._watcher = asyncio.create_task(self._notice_departure())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watcher.cancel()
        try:
            await self._patience.__aexit__(kind, error, trace)
        except TimeoutError as departure:
            raise ClientGone from departure

    async def _notice_departure(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._patience.reschedule(asyncio.get_running_loop().time())
