"""Notes the status of a response on its way to the client."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import Message, Send

from gateway.errors.problems import CLIENT_CLOSED_REQUEST


class SeenStatus:
    """A `send` that notes the status. Until the response begins, the status is 499: the client has left."""

    __slots__ = ("_added", "_send", "status")

    def __init__(self, send: Send, added: Callable[[], tuple[bytes, bytes]] | None = None) -> None:
        """`added` is called when the response begins, and returns one header to add."""
        self._send = send
        self._added = added
        self.status = CLIENT_CLOSED_REQUEST

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self._added is not None:
                message = {**message, "headers": [*message["headers"], self._added()]}
        await self._send(message)
