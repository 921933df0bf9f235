"""Where errors end: each becomes a problem for the caller; the unforeseen ones a line in the log as well."""

from __future__ import annotations

import asyncio
import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.presence import ClientGone
from gateway.problems import problem_response
from transport.errors import Draining, Internal, InvalidRequest, RelayError, Unsupported
from transport.unforeseen import class_and_place

logger = logging.getLogger("gateway")


class OuterDoor:
    """Answers with a problem where the application raises.

    An answer that has begun can only be cut short, which its client can tell: the HTTP server closes the connection.
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

        error = await self._error_of(scope, receive, send_noting)
        if error is not None and not begun:
            await problem_response(error, scope["state"]["request_id"])(scope, receive, send)

    async def _error_of(self, scope: Scope, receive: Receive, send: Send) -> RelayError | None:
        """Runs the application and returns what the caller is to be told of its failure, or None."""
        try:
            await self._app(scope, receive, send)
        except RelayError as error:
            return error
        except ClientGone:
            return None
        except asyncio.CancelledError:
            # The HTTP server gives up running calls when it stops. It is done with this task: nothing is swallowed.
            return Draining()
        except Exception as error:  # noqa: BLE001 - the outer door of the program: nothing of it may reach the caller
            return _unforeseen(error, scope["state"]["request_id"])
        return None


def _unforeseen(error: Exception, request_id: str) -> Internal:
    logger.error("unforeseen %s", class_and_place(error), extra={"facts": {"request_id": request_id}})
    return Internal(f"internal error (request_id {request_id})")


async def http_problem(request: Request, error: HTTPException) -> Response:
    """Answers what the router itself refuses: an unknown path, or a method that its route does not have."""
    told = _ROUTING_ERRORS.get(error.status_code, InvalidRequest())
    response = problem_response(told, request.state.request_id, status=error.status_code)
    response.headers.update(error.headers or {})
    return response


_ROUTING_ERRORS: dict[int, RelayError] = {
    404: Unsupported("there is no such route; /docs lists those there are"),
    405: Unsupported("this route does not have that method; /docs lists those it has"),
}
