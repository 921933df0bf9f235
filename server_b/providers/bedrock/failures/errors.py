"""Maps Bedrock's failures to RelayErrors: by message if the code is ambiguous, then by code, then by status.

The texts are our own, because AWS's texts may contain account numbers, and a proxy's may contain anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from llm_relay.errors import (
    PROMPT_TOO_LONG,
    ProviderAuth,
    ProviderProtocol,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    RelayError,
    UnknownModel,
    Violation,
)
from server_b.providers.base import TRANSIENT
from server_b.providers.bedrock.failures.failure import Failure
from server_b.providers.bedrock.failures.texts import PROFILE, Meaning, meaning_of_message

CODES: Mapping[str, type[RelayError]] = {
    # limits
    "EC2ThrottledException": ProviderRateLimited,
    "LimitExceededException": ProviderRateLimited,
    "ModelNotReadyException": ProviderRateLimited,
    "PriorRequestNotComplete": ProviderRateLimited,
    "ProvisionedThroughputExceededException": ProviderRateLimited,
    "RequestLimitExceeded": ProviderRateLimited,
    "RequestThrottled": ProviderRateLimited,
    "RequestThrottledException": ProviderRateLimited,
    "ServiceQuotaExceededException": ProviderRateLimited,
    "SlowDown": ProviderRateLimited,
    "ThrottledException": ProviderRateLimited,
    "Throttling": ProviderRateLimited,
    "ThrottlingException": ProviderRateLimited,
    "TooManyRequestsException": ProviderRateLimited,
    # key and account
    "AccessDenied": ProviderAuth,
    "AccessDeniedException": ProviderAuth,
    "AccountProblem": ProviderAuth,
    "AuthFailure": ProviderAuth,
    "ExpiredToken": ProviderAuth,
    "ExpiredTokenException": ProviderAuth,
    "ForbiddenException": ProviderAuth,
    "IncompleteSignature": ProviderAuth,
    "IncompleteSignatureException": ProviderAuth,
    "InvalidAccessKeyId": ProviderAuth,
    "InvalidClientTokenId": ProviderAuth,
    "InvalidIdentityToken": ProviderAuth,
    "InvalidSignatureException": ProviderAuth,
    "InvalidToken": ProviderAuth,
    "MissingAuthenticationToken": ProviderAuth,
    "MissingAuthenticationTokenException": ProviderAuth,
    "NotAuthorized": ProviderAuth,
    "NotSignedUp": ProviderAuth,
    "OptInRequired": ProviderAuth,
    "PendingVerification": ProviderAuth,
    "RegionDisabledException": ProviderAuth,
    "RequestExpired": ProviderAuth,
    "RequestTimeTooSkewed": ProviderAuth,
    "SignatureDoesNotMatch": ProviderAuth,
    "SubscriptionRequiredException": ProviderAuth,
    "TokenRefreshRequired": ProviderAuth,
    "UnauthorizedException": ProviderAuth,
    "UnauthorizedOperation": ProviderAuth,
    "UnrecognizedClientException": ProviderAuth,
    # the request
    "RequestEntityTooLargeException": ProviderRejected,
    "ResourceNotFoundException": UnknownModel,
    "ValidationError": ProviderRejected,
    "ValidationException": ProviderRejected,
    # the service
    "InternalFailure": ProviderUnavailable,
    "InternalServerError": ProviderUnavailable,
    "InternalServerException": ProviderUnavailable,
    "ModelErrorException": ProviderUnavailable,
    "ModelStreamErrorException": ProviderUnavailable,
    "ModelTimeoutException": ProviderUnavailable,
    "ServiceUnavailable": ProviderUnavailable,
    "ServiceUnavailableException": ProviderUnavailable,
    "UnknownOperationException": ProviderProtocol,
}
"""By the code of a response, or of an exception in a stream."""

KINDS_OF_CODES: tuple[tuple[re.Pattern[str], type[RelayError]], ...] = (
    (
        re.compile(r"Denied|Authori[sz]|Authentic|Signature|Credential|(?:Access|Api)Key|Kms|KMS|Suspended"),
        ProviderAuth,
    ),
    (re.compile(r"Throttl|TooMany|RateExceeded|(?:Limit|Quota)Exceeded"), ProviderRateLimited),
    (re.compile(r"^(?:Resource|Model)NotFound"), UnknownModel),
    (re.compile(r"^Internal|Unavailable|Time(?:d)?[oO]ut|Overload"), ProviderUnavailable),
)
"""Patterns for codes that are not listed."""

WRONG_ENDPOINT = "the provider's endpoint does not know this request: check AWS_ENDPOINT_URL_BEDROCK_RUNTIME"
STATUSES: Mapping[int, Meaning] = {
    401: Meaning(ProviderAuth),
    402: Meaning(ProviderAuth),
    403: Meaning(ProviderAuth),
    404: Meaning(ProviderProtocol, WRONG_ENDPOINT),
    405: Meaning(ProviderProtocol, WRONG_ENDPOINT),
    408: Meaning(ProviderUnavailable),
    413: Meaning(
        ProviderRejected, "the prompt is too long for the provider: shorten it or its history", cause=PROMPT_TOO_LONG
    ),
    424: Meaning(ProviderUnavailable),
    429: Meaning(ProviderRateLimited),
    498: Meaning(ProviderUnavailable),
}
"""By HTTP status if the code is unknown, as in a proxy's response."""
STATUS_CLASSES: Mapping[int, Meaning] = {
    3: Meaning(
        ProviderProtocol,
        "the provider answers with a redirect, which is not followed: check AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    ),
    4: Meaning(ProviderRejected),
    5: Meaning(ProviderUnavailable),
}
"""By the first digit of a status that is not listed."""

NOT_BEGUN = frozenset({400, 429, 498, 500, 502, 503, 529})
"""If the service itself sends one of these, it has not begun to work. 400 is for limits that are not a 429."""
BEGUN = frozenset({"ModelErrorException", "ModelStreamErrorException", "ModelTimeoutException"})
"""Codes that say that the model was at work."""
OVERLOADED = frozenset({"ServiceUnavailable", "ServiceUnavailableException"})


def relay_error(failure: Failure, *, begun: bool = False, profile: str = "us.MODEL-ID") -> RelayError:
    """Returns the RelayError for a failure.

    `begun` says that an event of the answer arrived before it; `profile` is the inference profile to suggest for a
    model that is not served without one.
    """
    meaning = meaning_of_message(failure) or _meaning_of_code(failure)
    text = (meaning.text or meaning.error.default_message).replace(PROFILE, profile)
    # An unknown code may contain anything.
    known = failure.code in CODES
    return meaning.error(
        f"{text} ({failure.code})" if known else text,
        retry_after_s=failure.retry_after_s if issubclass(meaning.error, TRANSIENT) else None,
        repeat_helps=meaning.repeat_helps,
        cause=meaning.cause,
        violations=(Violation(meaning.field, text.partition(": ")[2]),) if meaning.field else (),
        may_have_worked=_may_have_worked(failure, meaning.error, begun=begun),
        operator_detail=f"HTTP {failure.status}" if failure.status else "",
    )


def _meaning_of_code(failure: Failure) -> Meaning:
    original = failure.original_status
    if failure.code in BEGUN and original is not None and 400 <= original < 500:
        # The model's own server refuses the request.
        return Meaning(STATUSES.get(original, STATUS_CLASSES[4]).error)
    if failure.code in CODES:
        return Meaning(CODES[failure.code], WRONG_ENDPOINT if failure.code == "UnknownOperationException" else "")
    of_kind = next((error for kind, error in KINDS_OF_CODES if kind.search(failure.code)), None)
    if of_kind is not None:
        return Meaning(of_kind)
    if failure.status is None:
        return Meaning(ProviderProtocol, "the provider ended its answer with an error")
    return STATUSES.get(failure.status) or STATUS_CLASSES.get(failure.status // 100, Meaning(ProviderProtocol))


def _may_have_worked(failure: Failure, error: type[RelayError], *, begun: bool) -> bool:
    if begun or failure.code in BEGUN:
        return True
    if not issubclass(error, TRANSIENT):
        is_refusal = failure.status is not None and 300 <= failure.status < 500
        return error.may_have_worked and not is_refusal
    if failure.status is None:  # the first event of a stream
        return error is not ProviderRateLimited and failure.code not in OVERLOADED
    return not (failure.is_own and failure.status in NOT_BEGUN)
