"""Maps providers' failures to RelayErrors, by their meaning from classification.py.

The texts are our own. Of a provider's text, only the status and one plain word reach the caller.
"""

from __future__ import annotations

from llm_relay.errors import (
    ProviderProtocol,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    RelayError,
    Violation,
)
from server_b.providers.openai.failures.classification import meaning_of
from server_b.providers.openai.failures.failure import Failure
from server_b.providers.openai.failures.meaning import OVERLOADED, RATE_LIMITED, Meaning

TRANSIENT = (ProviderRateLimited, ProviderUnavailable)
"""Errors that may have passed when the request is sent again."""
NO_ROOM_STATUSES = frozenset({429, 498, 503, 529})
SAFE_STATUSES = frozenset({429, 498, 500, 502, 503, 529})
"""Statuses that mean that no work has begun, if the provider itself sends them rather than a proxy."""
REFUSALS = frozenset({400, 422})
"""Statuses of requests that are refused at once; NVIDIA refuses so what a model has no room for."""


def error_of(failure: Failure) -> RelayError:
    """Returns the RelayError for a provider's failure."""
    meaning = meaning_of(failure)
    return meaning.error(
        f"{meaning.text or meaning.error.default_message}{_facts(failure)}",
        retry_after_s=failure.wait_s if meaning.error in TRANSIENT else None,
        may_have_worked=_may_have_worked(failure, meaning),
        repeat_helps=_asks_to_repeat(failure) is not False,
        operator_detail=_operator_detail(failure),
        cause=meaning.cause,
    )


def field_error(field: str, failure: Failure) -> RelayError:
    """Returns the error for a value that the caller set and the model refuses."""
    return ProviderRejected(
        f"{field}: the model does not accept this value{_facts(failure)}: leave it out, or send another value",
        violations=(Violation(field, "the model does not accept this value"),),
        may_have_worked=False,
    )


def malformed(detail: str = "") -> RelayError:
    """Returns the error for a malformed answer; `detail` is for the operator."""
    return ProviderProtocol("the provider's answer is malformed", operator_detail=detail)


def cut_short() -> RelayError:
    """Returns the error for a stream that ended without the provider's end mark."""
    return ProviderProtocol("the provider's stream ended before its own end mark")


def _may_have_worked(failure: Failure, meaning: Meaning) -> bool:
    if failure.status is None:
        # The failure is within a good answer. If it came first, a refusal or a lack of capacity means no work was done.
        refused = meaning.error not in (*TRANSIENT, ProviderProtocol)
        no_room = meaning in (RATE_LIMITED, OVERLOADED) or failure.stated_status in NO_ROOM_STATUSES
        return not (failure.is_first and (refused or no_room))
    if meaning.error in TRANSIENT:
        if _asks_to_repeat(failure):
            return False
        if failure.is_document:
            safe_statuses = SAFE_STATUSES | REFUSALS if meaning is OVERLOADED else SAFE_STATUSES
            statuses = {failure.status, failure.stated_status}
            is_safe = statuses <= safe_statuses and not failure.is_of_a_proxy
            return meaning is not RATE_LIMITED and not is_safe
        return failure.status != 429 or failure.is_html
    return False


def _asks_to_repeat(failure: Failure) -> bool | None:
    """Returns whether the server says to send the request again, in the header that OpenAI's SDK reads."""
    return {"true": True, "false": False}.get(failure.headers.get("x-should-retry", "").strip().lower())


def _facts(failure: Failure) -> str:
    status = failure.stated_status
    facts = [f"HTTP {status}"] if status is not None and status >= 300 else []
    if failure.shown_word:
        facts.append(failure.shown_word)
    return f" ({', '.join(facts)})" if facts else ""


def _operator_detail(failure: Failure) -> str:
    if failure.is_html:
        return f"HTTP {failure.status} with a page of HTML, as proxies send it"
    return f"HTTP {failure.status}" if failure.status is not None else ""
