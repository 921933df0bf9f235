"""Unexpected errors: the log gets their class and place, the caller an INTERNAL."""

from __future__ import annotations

import logging

from llm_relay.errors import Internal, RelayError
from llm_relay.program.logs.errors_without_text import class_and_place

logger = logging.getLogger("relay")


def report(failure: BaseException, request_id: str = "") -> RelayError:
    """Logs an error by its class and place only, never its text, and returns what a caller may know."""
    logger.error("request_id=%s unexpected %s", request_id, class_and_place(failure))
    return Internal(f"internal error (request_id {request_id})" if request_id else "", request_id=request_id)
