"""Maps aiohttp's exceptions to RelayErrors.

Callers see only the class of the error. The operator is told what failed, where, and for TLS why.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Iterable

import aiohttp
from aiohttp.http import HttpProcessingError
from yarl import URL

from llm_relay.addresses import shown_address
from llm_relay.errors import ProviderProtocol, ProviderUnavailable, RelayError

FAILURES = (aiohttp.ClientError, HttpProcessingError, OSError, RuntimeError, UnicodeError)
"""What aiohttp raises for a request. TimeoutError is an OSError. UnicodeError is for a name that no host can have.
RuntimeError is what uvloop sometimes raises in place of OSError."""


def connect_failure(error: Exception, server: URL, *, timeout_s: float) -> RelayError:
    """Returns the error for a request of which nothing was written, because there was no connection."""
    where = address_of(server)
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _untrusted(error.certificate_error, where)
        case aiohttp.ClientConnectorSSLError():
            return _no_tls(error, where)
        case aiohttp.ClientHttpProxyError():
            return proxy_refusal(error.status)
        case aiohttp.ClientConnectorDNSError():
            detail = f"no address is known for {shown_address(error.host, error.port or 0)}: {_reason(error.os_error)}"
        case aiohttp.ClientProxyConnectionError():
            proxy = shown_address(error.host, error.port or 0)
            detail = f"no connection to the proxy {proxy} before {where}: {_reason(error.os_error)}"
        case aiohttp.ClientConnectorError():
            detail = f"no connection to {where}: {_reason(error.os_error)}"
        case UnicodeError():
            detail = f"no address is known for {where}: no host can have this name"
        case TimeoutError():
            detail = f"no connection to {where} within {timeout_s:g} s"
        case aiohttp.ClientResponseError():  # of a proxy, to CONNECT
            return ProviderProtocol(may_have_worked=False, operator_detail="the proxy's answer is not HTTP")
        case _:
            detail = f"no connection to {where}: {_reason(error)}"
    return ProviderUnavailable(may_have_worked=False, operator_detail=detail)


def answer_failure(error: Exception, server: URL) -> RelayError:
    """Returns the error for a request that was written and got no answer."""
    where = address_of(server)
    if isinstance(error, HttpProcessingError):
        detail = f"the answer of {where} is not HTTP"
        if server.scheme == "http":
            detail += ": is its scheme https?"
        return ProviderProtocol("the provider's answer is not HTTP", operator_detail=detail)
    return ProviderUnavailable(
        operator_detail=f"the connection to {where} was lost before the answer: {_reason(error)}"
    )


def body_failure(error: Exception, server: URL) -> RelayError:
    """Returns the error for an answer that broke off before its end."""
    detail = f"the connection to {address_of(server)} was lost during the answer: {_reason(error)}"
    return ProviderProtocol("the provider's answer was cut short", operator_detail=detail)


def proxy_refusal(status: int) -> RelayError:
    """Returns the error for a proxy that does not forward the request."""
    if status // 100 == 5:
        detail = f"the proxy cannot reach the provider (HTTP {status})"
        return ProviderUnavailable(may_have_worked=False, operator_detail=detail)
    message = f"the proxy before the provider refuses (HTTP {status}): check HTTPS_PROXY"
    return ProviderProtocol(message, may_have_worked=False)


def address_of(server: URL) -> str:
    """Returns host:port as it is written in a URL."""
    return shown_address(server.host or "", server.port or 0)


def _untrusted(error: Exception, where: str) -> RelayError:
    reason = getattr(error, "verify_message", "") or type(error).__name__
    detail = f"the TLS certificate of {where} is not trusted: {reason}"
    return ProviderUnavailable(may_have_worked=False, repeat_helps=False, operator_detail=detail)


def _no_tls(error: aiohttp.ClientConnectorSSLError, where: str) -> RelayError:
    cause = error.os_error
    reason = cause.reason if isinstance(cause, ssl.SSLError) and cause.reason else type(cause).__name__
    fix = ": is its scheme http?" if reason in _NOT_TLS else ""
    detail = f"no TLS with {where}: {reason.lower().replace('_', ' ')}{fix}"
    return ProviderUnavailable(may_have_worked=False, repeat_helps=False, operator_detail=detail)


_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
"""OpenSSL's reasons for an answer that is not TLS."""


def _reason(error: BaseException) -> str:
    """Returns the system's text for what failed, never what the other side sent."""
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number).lower()
    if isinstance(error, OSError) and error.strerror:  # a resolver's own
        return error.strerror.lower()
    return _WORDS.get(type(error), type(error).__name__)


_WORDS = {
    aiohttp.ServerDisconnectedError: "closed by the server",
    aiohttp.ClientPayloadError: "closed by the server, or malformed",
}


def stale_failure(server: URL) -> RelayError:
    """Returns the error of a request on a kept connection that the server had closed. The request is sent again."""
    detail = f"{address_of(server)} had closed the kept connection; asked again on a new one"
    return ProviderUnavailable(may_have_worked=False, operator_detail=detail)


def with_asked_before(before: Iterable[RelayError], error: RelayError) -> RelayError:
    """Adds to an error the errors of earlier sendings of the same request."""
    error.asked_before = tuple(before)
    return error


class AddsAskedBefore:
    """A context that adds the errors of earlier sendings of a request to a cancellation, as its arguments."""

    __slots__ = ("_before",)

    def __init__(self, before: Iterable[RelayError]) -> None:
        """`before` is read when the cancellation arrives."""
        self._before = before

    def __enter__(self) -> None:
        """Changes nothing."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Adds the errors to a cancellation."""
        if isinstance(error, asyncio.CancelledError):
            error.args = tuple(self._before)
