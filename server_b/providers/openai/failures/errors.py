"""Providers' failures as the relay's errors. What a failure means is told by classification.py.

Our own words only: nothing that a provider says reaches a caller, but for the status and one plain word.
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
"""Errors that may be over when the request is sent again."""
NO_ROOM_STATUSES = frozenset({429, 498, 503, 529})
SAFE_STATUSES = frozenset({429, 498, 500, 502, 503, 529})
"""Statuses that a provider answers with before it works, if the answer is its own and no proxy's."""


def error_of(failure: Failure) -> RelayError:
    """Makes the relay's error for a provider's failure."""
    meaning = meaning_of(failure)
    return meaning.error(
        f"{meaning.text or meaning.error.default_message}{_facts(failure)}",
        retry_after_s=failure.wait_s if meaning.error in TRANSIENT else None,
        may_have_worked=_may_have_worked(failure, meaning),
        repeat_helps=_said_of_repeating(failure) is not False,
        operator_detail=_operator_detail(failure),
        cause=meaning.cause,
    )


def field_error(field: str, failure: Failure) -> RelayError:
    """Makes the error for a value of the caller's own that the model does not take."""
    return ProviderRejected(
        f"{field}: the model does not take this value{_facts(failure)}: leave it out, or ask for another one",
        violations=(Violation(field, "the model does not take this value"),),
        may_have_worked=False,
    )


def malformed(detail: str = "") -> RelayError:
    """Makes the error for an answer that is not what it should be; `detail` is for the operator."""
    return ProviderProtocol("the provider's answer is malformed", operator_detail=detail)


def cut_short() -> RelayError:
    """Makes the error for a stream without the provider's own end."""
    return ProviderProtocol("the provider's stream ended before its own end mark")


def _may_have_worked(failure: Failure, meaning: Meaning) -> bool:
    if failure.status is None:
        # Within a good answer. A refusal before anything else was no work; nor was it if there was no room for it.
        refused = meaning.error not in (*TRANSIENT, ProviderProtocol)
        no_room = meaning in (RATE_LIMITED, OVERLOADED) or failure.said_status in NO_ROOM_STATUSES
        return not (failure.is_first and (refused or no_room))
    if meaning.error in TRANSIENT:
        if _said_of_repeating(failure):
            return False
        if failure.is_document:
            return meaning is not RATE_LIMITED and failure.status not in SAFE_STATUSES
        return failure.status != 429 or failure.is_html
    return False


def _said_of_repeating(failure: Failure) -> bool | None:
    """Returns what the server says of sending the request again, as OpenAI's own SDK understands it."""
    return {"true": True, "false": False}.get(failure.headers.get("x-should-retry", "").strip().lower())


def _facts(failure: Failure) -> str:
    status = failure.said_status
    facts = [f"HTTP {status}"] if status is not None and status >= 300 else []
    if failure.shown_word:
        facts.append(failure.shown_word)
    return f" ({', '.join(facts)})" if facts else ""


def _operator_detail(failure: Failure) -> str:
    if failure.is_html:
        return f"HTTP {failure.status} with a page of HTML, as proxies answer"
    return f"HTTP {failure.status}" if failure.status is not None else ""
