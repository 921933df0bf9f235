"""Two ids of a request: X-Request-Id, which is for logs only, and the idempotency key of the call that it makes."""

from __future__ import annotations

import uuid

from starlette.requests import Request
from starlette.types import Scope

from gateway.requests.request_header import header
from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages import request_id_fault

REQUEST_ID_HEADER = "X-Request-Id"
IDEMPOTENCY_HEADER = "Idempotency-Key"


def begin(scope: Scope, given: str | None) -> None:
    """Sets a request's id for logs: `given`, from its header, if it is a valid id, else a new one."""
    is_own = given is not None and request_id_fault(given) is None
    scope["state"]["request_id"] = given if is_own else str(uuid.uuid4())
    scope["state"]["is_own_request_id"] = is_own


def call_id(request: Request) -> str:
    """Returns the id for the request's call: its Idempotency-Key, or a new one.

    The key may be in quotation marks, as in the IETF's draft. Raises InvalidRequest for an invalid key.
    """
    key = header(request.scope, b"idempotency-key") or ""
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if key and (fault := request_id_fault(key)):
        raise InvalidRequest.of(Violation(IDEMPOTENCY_HEADER, fault))
    return key or (str(uuid.uuid4()) if request.state.is_own_request_id else request.state.request_id)


def use_call_id(request: Request, call_id: str) -> None:
    """Sets the call's id for responses and logs. It is also the X-Request-Id if the client sent none."""
    request.state.call_id = call_id
    if not request.state.is_own_request_id:
        request.state.request_id = call_id
