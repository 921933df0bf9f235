"""Drops requests whose body does not arrive in time."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_TIMEOUT_S = 15.0
"""How long a client may take to send a request's body."""


class BodyInTime:
    """Tells the application that the client has left if its body is not complete in time, and answers 408."""

    def __init__(self, app: ASGIApp, timeout_s: float = BODY_TIMEOUT_S) -> None:
        self._app = app
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_whole = is_late = False
        limit = asyncio.get_running_loop().time() + self._timeout_s

        async def receive_in_time() -> Message:
            nonlocal is_whole, is_late
            if is_whole:
                return await receive()
            try:
                async with asyncio.timeout_at(limit):
                    message = await receive()
            except TimeoutError:
                is_late = True
                return {"type": "http.disconnect"}
            is_whole = not message.get("more_body", False)
            return message

        async def send_and_close(message: Message) -> None:
            if is_late and message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"connection", b"close")]
                message = {**message, "status": 408, "headers": headers}
            await send(message)

        await self._app(scope, receive_in_time, send_and_close)
