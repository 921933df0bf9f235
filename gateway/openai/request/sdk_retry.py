"""Reads the headers in which OpenAI's SDKs announce timeouts and retries, so that a retry is not paid twice."""

from __future__ import annotations

import hashlib

from starlette.types import Scope

from gateway.requests.request_header import header
from llm_relay.announced_retry import ClientRetry

_RETRY_COUNT = b"x-stainless-retry-count"
_READ_TIMEOUT = b"x-stainless-read-timeout"
"""Sent by the Python SDK: seconds without a byte."""
_HEAD_TIMEOUT = b"x-stainless-timeout"
"""Sent by the Node SDK: whole seconds until the response's headers."""


def client_retry(scope: Scope, body: bytes | bytearray) -> ClientRetry | None:
    """Returns what the client announces, with the digest of the raw body, or None if it announces nothing."""
    count = header(scope, _RETRY_COUNT)
    timeout = header(scope, _READ_TIMEOUT) or header(scope, _HEAD_TIMEOUT)
    if count is None and timeout is None:
        return None
    digest = hashlib.sha256(body).hexdigest()
    return ClientRetry.read(digest, retry_count=count, read_timeout=timeout)
