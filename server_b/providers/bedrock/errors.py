"""What goes wrong at Bedrock, as a RelayError: one table by AWS's error code, one by exception.

The texts are our own: AWS's may hold an account's numbers, and a proxy's anything.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import urllib3.exceptions
from botocore import eventstream, exceptions, parsers
from botocore.exceptions import ClientError

from llm_relay.errors import (
    ProviderAuth,
    ProviderProtocol,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    RelayError,
    UnknownModel,
)
from server_b.providers.bedrock.line import is_answered

CODES: Mapping[str, type[RelayError]] = {
    # limits
    "ModelNotReadyException": ProviderRateLimited,
    "ServiceQuotaExceededException": ProviderRateLimited,
    "Throttling": ProviderRateLimited,
    "ThrottlingException": ProviderRateLimited,
    "TooManyRequestsException": ProviderRateLimited,
    # key and account
    "AccessDenied": ProviderAuth,
    "AccessDeniedException": ProviderAuth,
    "ExpiredToken": ProviderAuth,
    "ExpiredTokenException": ProviderAuth,
    "IncompleteSignature": ProviderAuth,
    "IncompleteSignatureException": ProviderAuth,
    "InvalidClientTokenId": ProviderAuth,
    "InvalidIdentityToken": ProviderAuth,
    "InvalidSignatureException": ProviderAuth,
    "MissingAuthenticationToken": ProviderAuth,
    "MissingAuthenticationTokenException": ProviderAuth,
    "NotAuthorized": ProviderAuth,
    "OptInRequired": ProviderAuth,
    "RegionDisabledException": ProviderAuth,
    "RequestExpired": ProviderAuth,
    "SignatureDoesNotMatch": ProviderAuth,
    "UnauthorizedException": ProviderAuth,
    "UnrecognizedClientException": ProviderAuth,
    # the request
    "ResourceNotFoundException": UnknownModel,
    "ValidationException": ProviderRejected,
    # the service
    "InternalFailure": ProviderUnavailable,
    "InternalServerException": ProviderUnavailable,
    "ModelErrorException": ProviderUnavailable,
    "ModelStreamErrorException": ProviderUnavailable,
    "ModelTimeoutException": ProviderUnavailable,
    "ServiceUnavailable": ProviderUnavailable,
    "ServiceUnavailableException": ProviderUnavailable,
    "UnknownOperationException": ProviderProtocol,
}
"""By the code of an answer, or of an exception inside a stream."""

STATUSES: Mapping[int, type[RelayError]] = {
    401: ProviderAuth,
    403: ProviderAuth,
    404: ProviderProtocol,
    408: ProviderUnavailable,
    424: ProviderUnavailable,
    429: ProviderRateLimited,
}
"""By HTTP status where the code is none of these: a proxy's answer for one."""

EXCEPTIONS: Mapping[type[Exception], type[RelayError]] = {
    # the first that fits counts, so a class stands before its base
    exceptions.ReadTimeoutError: ProviderUnavailable,
    exceptions.ResponseStreamingError: ProviderProtocol,
    exceptions.HTTPClientError: ProviderUnavailable,
    exceptions.ConnectionError: ProviderUnavailable,
    exceptions.IncompleteReadError: ProviderProtocol,
    exceptions.ParamValidationError: ProviderRejected,
    exceptions.NoCredentialsError: ProviderAuth,
    exceptions.PartialCredentialsError: ProviderAuth,
    exceptions.CredentialRetrievalError: ProviderAuth,
    exceptions.MetadataRetrievalError: ProviderAuth,
    exceptions.NoAuthTokenError: ProviderAuth,
    exceptions.TokenRetrievalError: ProviderAuth,
    exceptions.SSOError: ProviderAuth,
    exceptions.LoginError: ProviderAuth,
    exceptions.RefreshWithMFAUnsupportedError: ProviderAuth,
    exceptions.ProfileNotFound: ProviderAuth,
    urllib3.exceptions.TimeoutError: ProviderUnavailable,
    urllib3.exceptions.HTTPError: ProviderProtocol,
    eventstream.ParserError: ProviderProtocol,
    parsers.ResponseParserError: ProviderProtocol,
    UnicodeDecodeError: ProviderProtocol,
}
"""By what boto3 raises where there is no code. urllib3's own come out of streams only, so the answer had begun."""


class Saying(NamedTuple):
    """What one of AWS's messages means, where its code does not tell."""

    pattern: re.Pattern[str]
    error: type[RelayError]
    text: str


def _saying(pattern: str, error: type[RelayError], text: str = "") -> Saying:
    return Saying(re.compile(pattern, re.IGNORECASE), error, text)


SAYINGS = (
    _saying("model identifier|inference profile.*(not found|invalid)", UnknownModel),
    _saying(
        "on-demand throughput",
        ProviderRejected,
        "Bedrock serves this model through an inference profile only; name that, such as us. before the model's id",
    ),
    _saying(
        "too long|too many input tokens|context (length|limit|window)|input length",
        ProviderRejected,
        "the prompt is too long for the model",
    ),
)
"""Of ValidationException, which Bedrock has for almost everything; the first that fits counts."""

REFUSALS: Mapping[str, re.Pattern[str]] = {
    "temperature": re.compile("temperature", re.IGNORECASE),
    "maxTokens": re.compile("maximum tokens you requested", re.IGNORECASE),
}
"""How a ValidationException names an inference parameter that the model does not take."""


@contextlib.contextmanager
def relay_errors() -> Iterator[None]:
    """Raises what boto3 raises inside as a RelayError; to be used in the thread that calls."""
    try:
        yield
    except (ClientError, *EXCEPTIONS) as error:
        raise relay_error(error) from error


def relay_error(error: Exception) -> RelayError:
    """Returns the RelayError for one of boto3's."""
    if isinstance(error, ClientError):
        return _from_answer(error)
    found = next(ours for theirs, ours in EXCEPTIONS.items() if isinstance(error, theirs))
    if isinstance(error, exceptions.HTTPClientError) and not isinstance(error, exceptions.ReadTimeoutError):
        return ProviderProtocol() if is_answered() else found()
    return found()


def refused_parameters(error: ClientError) -> frozenset[str]:
    """Returns the inference parameters that the model refuses by this error."""
    if _code(error) != "ValidationException":
        return frozenset()
    message = _message(error)
    return frozenset(name for name, pattern in REFUSALS.items() if pattern.search(message))


def _from_answer(error: ClientError) -> RelayError:
    code = _code(error)
    if code == "ValidationException":
        message = _message(error)
        for saying in SAYINGS:
            if saying.pattern.search(message):
                return saying.error(saying.text)
    retry_after_s = _retry_after_s(_metadata(error).get("HTTPHeaders", {}).get("retry-after", ""))
    if code not in CODES:
        return _class_by_status(_metadata(error).get("HTTPStatusCode", 500))(retry_after_s=retry_after_s)
    found = CODES[code]
    return found(f"{found.default_message} ({code})", retry_after_s=retry_after_s)


def _class_by_status(status: int) -> type[RelayError]:
    usual = ProviderUnavailable if status >= 500 else ProviderRejected if status >= 400 else ProviderProtocol
    return STATUSES.get(status, usual)


def _code(error: ClientError) -> str:
    """Returns the code as AWS writes it in answers: inside a stream it begins with a small letter."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code[:1].upper() + code[1:]


def _message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", ""))


def _metadata(error: ClientError) -> Mapping[str, Any]:
    metadata: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
    return metadata


def _retry_after_s(value: str) -> float | None:
    """Reads a Retry-After header: seconds, or an HTTP date."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
