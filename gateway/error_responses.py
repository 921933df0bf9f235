"""How an error is written: as a problem document, or in the shape that clients of another interface expect."""

from __future__ import annotations

from typing import Protocol

from starlette.responses import Response
from starlette.types import Scope

from gateway.problems import problem_response
from llm_relay.errors import RelayError

_WRITER = "error_writer"


class ErrorWriter(Protocol):
    """Writes the answer that tells of an error."""

    def __call__(self, error: RelayError, request_id: str, *, status: int | None = None) -> Response:
        """`status` None: the one of the error's class."""
        ...


def use_writer(scope: Scope, writer: ErrorWriter) -> None:
    """Has the errors of a request told in another shape."""
    scope["state"][_WRITER] = writer


def error_response(scope: Scope, error: RelayError, *, status: int | None = None) -> Response:
    """Returns the answer that tells of an error."""
    writer: ErrorWriter = scope["state"].get(_WRITER, problem_response)
    return writer(error, scope["state"]["request_id"], status=status)
