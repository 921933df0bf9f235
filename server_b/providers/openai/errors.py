"""OpenAI's failures as the relay's errors: one table by the provider's word, one by HTTP status; our own words only.

The words and statuses: https://platform.openai.com/docs/guides/error-codes
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import NamedTuple

import orjson

from llm_relay.errors import (
    ProviderAuth,
    ProviderProtocol,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    RelayError,
    UnknownModel,
)

MAX_RETRY_AFTER_S = 86_400.0
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
# Letters only, so that a word can hold no key, whoever wrote it.
WORD = re.compile(r"[a-z][a-z_]{0,63}")


class Meaning(NamedTuple):
    """The relay's error for a provider's failure; without a text, the class's own is said."""

    error: type[RelayError]
    text: str = ""


BY_WORD: Mapping[str, Meaning] = {
    "context_length_exceeded": Meaning(ProviderRejected, "the prompt is too long for this model: shorten its history"),
    "insufficient_quota": Meaning(ProviderAuth, "the provider refuses this server's account: its quota is used up"),
    "invalid_api_key": Meaning(ProviderAuth),
    "model_not_found": Meaning(UnknownModel),
    "rate_limit_exceeded": Meaning(ProviderRateLimited),
}
"""By the error's `code` or, failing that, its `type`: more precise than the status."""

BY_STATUS: Mapping[int, Meaning] = {
    401: Meaning(ProviderAuth),
    402: Meaning(ProviderAuth),
    403: Meaning(ProviderAuth),
    404: Meaning(UnknownModel, "the provider has no such model, or OPENAI_BASE_URL is not its address"),
    408: Meaning(ProviderUnavailable),
    409: Meaning(ProviderUnavailable),
    429: Meaning(ProviderRateLimited),
}
BY_STATUS_CLASS: Mapping[int, Meaning] = {
    3: Meaning(ProviderProtocol, "the provider answers with a redirect, which is not followed: check OPENAI_BASE_URL"),
    4: Meaning(ProviderRejected),
    5: Meaning(ProviderUnavailable),
}
"""By the status's first digit, for those that are not in BY_STATUS."""

AMID_ANSWER: Mapping[str, Meaning] = {
    "internal_server_error": Meaning(ProviderUnavailable),
    "overloaded_error": Meaning(ProviderUnavailable),
    "rate_limit_error": Meaning(ProviderRateLimited),
    "server_error": Meaning(ProviderUnavailable),
    "service_unavailable": Meaning(ProviderUnavailable),
}
"""By the same words, where there is no status to go by."""
BROKEN_OFF = Meaning(ProviderProtocol, "the provider broke its answer off with an error")

PASSING = (ProviderRateLimited, ProviderUnavailable)
"""Errors that waiting can mend."""


class BadStatus(Exception):
    """The provider answers with a status that is no success."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body
        self.detail = _detail(body)
        """The error object that the body holds; empty if there is none."""


def _detail(body: bytes) -> Mapping[str, object]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(document, dict):
        return {}
    detail = document.get("error", document)
    return detail if isinstance(detail, dict) else {}


def error_before_answer(failure: BadStatus) -> RelayError:
    """Makes the relay's error for an answer that is no success."""
    return error_from_wire(failure.detail, status=failure.status, headers=failure.headers)


def error_from_wire(
    detail: object, *, status: int | None = None, headers: Mapping[str, str] = NO_HEADERS
) -> RelayError:
    """Makes the relay's error of the provider's error object; without a status it came amid an answer."""
    known = detail if isinstance(detail, Mapping) else {}
    code, kind = known.get("code"), known.get("type")
    if status is None and type(code) is int and code // 100 in BY_STATUS_CLASS:
        status = code  # as compatible servers write it amid a stream
    words = [word for word in (code, kind) if isinstance(word, str) and WORD.fullmatch(word)]
    meaning = _first(BY_WORD, words) or (_by_status(status) if status else _first(AMID_ANSWER, words) or BROKEN_OFF)
    message = meaning.text or meaning.error.default_message
    facts = ([f"HTTP {status}"] if status else []) + words[:1]
    said = f"{message} ({', '.join(facts)})" if facts else message
    return meaning.error(said, retry_after_s=retry_after_s(headers) if meaning.error in PASSING else None)


def _first(table: Mapping[str, Meaning], words: list[str]) -> Meaning | None:
    return next((table[word] for word in words if word in table), None)


def _by_status(status: int) -> Meaning:
    return BY_STATUS.get(status) or BY_STATUS_CLASS.get(status // 100, Meaning(ProviderProtocol))


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Reads how long to wait, in seconds from 0 to a day; None: nothing sensible is said."""
    milliseconds, stated = headers.get("retry-after-ms", ""), headers.get("retry-after", "")
    for seconds in (_number(milliseconds, 0.001), _number(stated, 1), _seconds_until(stated)):
        if seconds is not None and 0 <= seconds <= MAX_RETRY_AFTER_S:
            return seconds
    return None


def _number(text: str, unit_s: float) -> float | None:
    try:
        return float(text) * unit_s
    except ValueError:
        return None


def _seconds_until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
