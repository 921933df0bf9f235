"""Where errors end: each becomes a problem for the caller; the unforeseen ones a line in the log as well."""

from __future__ import annotations

import asyncio
import logging

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.disconnect import ClientGone
from gateway.problems import problem_response
from llm_relay.errors import Draining, Internal, InvalidRequest, RelayError, Unsupported
from llm_relay.program.unexpected import class_and_place

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

        response = await self._failure_of(scope, receive, send_noting)
        if response is not None and not begun:
            await response(scope, receive, send)

    async def _failure_of(self, scope: Scope, receive: Receive, send: Send) -> Response | None:
        """Runs the application and returns what the caller is to be told of its failure, or None."""
        error: RelayError
        try:
            await self._app(scope, receive, send)
        except RelayError as failure:
            error = failure
        except ClientGone:
            return None
        except HTTPException as failure:
            return _routing_problem(failure, scope["state"]["request_id"])
        except asyncio.CancelledError:
            # The HTTP server gives up running calls when it stops. It is done with this task: nothing is swallowed.
            error = Draining()
        except Exception as failure:  # noqa: BLE001 - the outer door of the program: nothing of it may reach the caller
            error = _unforeseen(failure, scope["state"]["request_id"])
        else:
            return None
        return problem_response(error, scope["state"]["request_id"])


def _unforeseen(error: Exception, request_id: str) -> Internal:
    logger.error("unforeseen %s", class_and_place(error), extra={"facts": {"request_id": request_id}})
    return Internal(f"internal error (request_id {request_id})")


def _routing_problem(error: HTTPException, request_id: str) -> Response:
    """Answers what the router itself refuses: an unknown path, or a method that its route does not have."""
    told = _ROUTING_ERRORS.get(error.status_code, InvalidRequest())
    response = problem_response(told, request_id, status=error.status_code)
    response.headers.update(error.headers or {})
    return response


_ROUTING_ERRORS: dict[int, RelayError] = {
    404: Unsupported("there is no such route; /docs lists those there are"),
    405: Unsupported("this route does not have that method; /docs lists those it has"),
}
