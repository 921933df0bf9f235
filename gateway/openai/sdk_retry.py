"""Reads the headers in which OpenAI's SDKs announce timeouts and retries, so that a repeat is not paid twice."""

from __future__ import annotations

import hashlib

from starlette.types import Scope

from gateway.headers import header
from llm_relay.client_retry import ClientRetry

_RETRY_COUNT = b"x-stainless-retry-count"
_READ_TIMEOUT = b"x-stainless-read-timeout"
"""Of Python's SDK: seconds without a byte."""
_HEAD_TIMEOUT = b"x-stainless-timeout"
"""Of Node's SDK: whole seconds until the head of the answer."""


def client_retry(scope: Scope, body: bytes | bytearray) -> ClientRetry | None:
    """Returns it with the digest of the raw body; None for a client that says nothing of the kind."""
    count = header(scope, _RETRY_COUNT)
    timeout = header(scope, _READ_TIMEOUT) or header(scope, _HEAD_TIMEOUT)
    if count is None and timeout is None:
        return None
    digest = hashlib.sha256(body).hexdigest()
    return ClientRetry.read(digest, retry_count=count, read_timeout=timeout)
