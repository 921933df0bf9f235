"""Error responses: a problem document, or the shape that clients of another interface expect."""

from __future__ import annotations

from typing import Protocol

from starlette.responses import Response
from starlette.types import Scope

from gateway.errors.problems import problem_response
from llm_relay.errors import RelayError

_WRITER = "error_writer"


class ErrorWriter(Protocol):
    """Creates the response of an error."""

    def __call__(self, error: RelayError, request_id: str, *, status: int | None = None) -> Response:
        """Without `status`, the status of the error's class is used."""
        ...


def use_writer(scope: Scope, writer: ErrorWriter) -> None:
    """Sets the shape of a request's errors."""
    scope["state"][_WRITER] = writer


def error_response(scope: Scope, error: RelayError, *, status: int | None = None) -> Response:
    """Returns the response of an error."""
    writer: ErrorWriter = scope["state"].get(_WRITER, problem_response)
    return writer(error, scope["state"]["request_id"], status=status)
