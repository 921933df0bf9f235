"""Whether the client is still there: nothing in HTTP frameworks ends a call when it is not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import anyio
from starlette.types import Receive


class ClientGone(Exception):
    """The client closed its connection before it had its whole answer."""


@contextlib.asynccontextmanager
async def while_client_stays(receive: Receive) -> AsyncIterator[None]:
    """Cancels the block when the client closes its connection, and raises ClientGone then.

    The request's body must have been read: what is left of it is thrown away.
    """
    with anyio.CancelScope() as scope:
        watcher = asyncio.create_task(_cancel_at_departure(receive, scope))
        try:
            yield
        finally:
            watcher.cancel()
    if scope.cancelled_caught:
        raise ClientGone


async def _cancel_at_departure(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
