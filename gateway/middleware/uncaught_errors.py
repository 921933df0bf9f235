"""The outermost error handler: each error becomes a problem response, and an unexpected one is logged too."""

from __future__ import annotations

import asyncio
import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors.error_writer import error_response
from gateway.requests.disconnect_watcher import ClientGone
from llm_relay.errors import Draining, Internal, RelayError
from llm_relay.program.logs.errors_without_text import class_and_place

logger = logging.getLogger("gateway")


class ErrorMiddleware:
    """Responds with a problem if the application raises.

    A response that has begun can only be cut short. The HTTP server then closes the connection, which the client sees.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def send_noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        error = await self._failure(scope, receive, send_noting)
        if error is not None and not begun:
            await error_response(scope, error)(scope, receive, send)

    async def _failure(self, scope: Scope, receive: Receive, send: Send) -> RelayError | None:
        """Runs the application and returns the failure to report to the caller, or None."""
        try:
            await self._app(scope, receive, send)
        except RelayError as error:
            return error
        except ClientGone:
            return None
        except asyncio.CancelledError:
            # The stopping HTTP server drops running calls and does not wait for this task: no cancellation is lost.
            return Draining()
        except Exception as error:  # noqa: BLE001 - outermost layer: no unexpected error may reach the caller
            return _unexpected(error, scope["state"]["request_id"])
        return None


def _unexpected(error: Exception, request_id: str) -> Internal:
    logger.error("unexpected %s", class_and_place(error), extra={"facts": {"request_id": request_id}})
    return Internal(f"internal error (request_id {request_id})")
