"""Classifies a provider's failure by its words, its text and its status, the most precise first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from server_b.providers.openai.failures.failure import Failure
from server_b.providers.openai.failures.meaning import (
    AUTH,
    BROKEN_OFF,
    NO_CREDIT,
    NOT_FOUND,
    OVERLOADED,
    PROTOCOL,
    RATE_LIMITED,
    REDIRECT,
    REJECTED,
    TOO_LONG,
    UNAVAILABLE,
    UNKNOWN_MODEL,
    Meaning,
)
from server_b.providers.openai.failures.texts import (
    BY_TEXT,
    NO_CREDIT_UNLESS_THROTTLED,
    OF_A_PART,
    OF_TOKENS,
    searched_for,
)
from server_b.providers.openai.failures.words import BY_PLAIN_WORD, BY_PRECISE_WORD, KINDS_OF_WORDS

BY_STATUS: Mapping[int, Meaning] = {
    401: AUTH,
    402: NO_CREDIT,
    403: AUTH,
    404: NOT_FOUND,
    408: UNAVAILABLE,
    409: UNAVAILABLE,
    410: UNKNOWN_MODEL,
    413: TOO_LONG,
    424: UNAVAILABLE,
    425: UNAVAILABLE,
    429: RATE_LIMITED,
    434: AUTH,
    498: OVERLOADED,
    499: UNAVAILABLE,
    501: REJECTED,
    529: OVERLOADED,
}
BY_STATUS_CLASS: Mapping[int, Meaning] = {3: REDIRECT, 4: REJECTED, 5: UNAVAILABLE}
"""By the first digit of a status that is not in BY_STATUS."""
_THROTTLED = re.compile(r"throttling|error-code#token-limit")


def meaning_of(failure: Failure) -> Meaning:
    """Returns the meaning of a failure."""
    status = failure.stated_status
    if status == 413:
        return TOO_LONG  # Groq says rate_limit_exceeded for a prompt larger than a minute's limit
    if (precise := _first(BY_PRECISE_WORD, _all_words(failure)) or _by_kind_of_word(failure)) is not None:
        # Alibaba says insufficient_quota for a limit that resets within a minute.
        return RATE_LIMITED if precise is NO_CREDIT and _THROTTLED.search(failure.text) else precise
    if (meaning := _by_text(failure, status)) is not None:
        return meaning
    if status is not None and status >= 300:
        return BY_STATUS.get(status) or BY_STATUS_CLASS.get(status // 100, PROTOCOL)
    return _first(BY_PLAIN_WORD, _all_words(failure)) or BROKEN_OFF


def _by_text(failure: Failure, status: int | None) -> Meaning | None:
    if failure.is_html:
        return None
    searched = searched_for(status)
    if NO_CREDIT in searched and NO_CREDIT_UNLESS_THROTTLED in failure.text:
        throttled = failure.wait_s is not None or "resourceexhausted" in failure.words
        return RATE_LIMITED if throttled else NO_CREDIT
    if _is_of_the_request(failure, status):
        searched = tuple(meaning for meaning in searched if meaning not in (RATE_LIMITED, OVERLOADED))
    if OF_A_PART.search(failure.text) and not OF_TOKENS.search(failure.text):
        searched = tuple(meaning for meaning in searched if meaning is not TOO_LONG)
    found = next((meaning for meaning in searched if BY_TEXT[meaning].search(failure.text)), None)
    if found is TOO_LONG and RATE_LIMITED in searched and BY_TEXT[RATE_LIMITED].search(failure.text):
        return RATE_LIMITED  # too many tokens for a minute
    return found


def _is_of_the_request(failure: Failure, status: int | None) -> bool:
    """Tells whether a member of the request is refused; the member's own name may be `rate_limit`."""
    if status not in (400, 422):
        return False
    named = failure.params - {"", "none", "null"}
    return bool(named) or any(BY_PLAIN_WORD.get(word) is REJECTED for word in failure.words)


def _by_kind_of_word(failure: Failure) -> Meaning | None:
    """Returns the meaning of a word that is not listed but contains the same parts."""
    found = (meaning for meaning, kind in KINDS_OF_WORDS.items() for word in failure.words if kind.search(word))
    return next(found, None)


def _all_words(failure: Failure) -> Iterable[str]:
    yield from failure.words
    yield from (str(number) for number in failure.numbers)


def _first(table: Mapping[str, Meaning], words: Iterable[str]) -> Meaning | None:
    return next((table[word] for word in words if word in table), None)
