"""Two ids of a request: X-Request-Id, which is for logs only, and the idempotency key of the call that it makes."""

from __future__ import annotations

import uuid

from starlette.requests import Request
from starlette.types import Scope

from gateway.headers import header
from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages import request_id_fault

REQUEST_ID_HEADER = "X-Request-Id"
IDEMPOTENCY_HEADER = "Idempotency-Key"


def begin(scope: Scope, given: str | None) -> None:
    """Gives a request its id for logs: `given`, from its header, if that is a valid id, or else a new one."""
    is_own = given is not None and request_id_fault(given) is None
    scope["state"]["request_id"] = given if is_own else str(uuid.uuid4())
    scope["state"]["is_own_request_id"] = is_own


def call_id(request: Request) -> str:
    """Returns the id for the request's call: its Idempotency-Key, or else one that nobody has used.

    The key may stand in quotation marks, as the IETF's draft has it. Raises InvalidRequest for a bad one.
    """
    key = header(request.scope, b"idempotency-key") or ""
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if key and (fault := request_id_fault(key)):
        raise InvalidRequest.of(Violation(IDEMPOTENCY_HEADER, fault))
    return key or (str(uuid.uuid4()) if request.state.is_own_request_id else request.state.request_id)


def use_call_id(request: Request, call_id: str) -> None:
    """Makes the call's id known to answers and logs; it is also the X-Request-Id of a client that sent none."""
    request.state.call_id = call_id
    if not request.state.is_own_request_id:
        request.state.request_id = call_id
