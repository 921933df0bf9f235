"""Remembers which of our own defaults each model refuses, so that they are left out from then on."""

from __future__ import annotations

import re
from collections.abc import Mapping

from server_b.providers.bedrock.failures.failure import Failure

TEMPERATURE = "temperature"
MAX_TOKENS = "maxTokens"
STREAMING = "streaming"
"""The model does not stream, or the account's policy does not allow it."""

Refused = frozenset[str]
"""Any of these three."""
NOTHING: Refused = frozenset()
MAX_REMEMBERED_MODELS = 1000

_REFUSING = frozenset({"ValidationException", "ValidationError"})
"""Codes of a refusal. With any other code, the model's own server may have refused."""
PATTERNS: Mapping[str, re.Pattern[str]] = {
    TEMPERATURE: re.compile("temperature", re.IGNORECASE),
    MAX_TOKENS: re.compile(
        r"maximum tokens you requested|max_?(new_|completion_|output_|gen_)?(tokens|len)\b|max_?token_?count"
        r"|max_tokens_to_sample|completion\)|requested (\d+ )?output tokens",
        re.IGNORECASE,
    ),
}
"""How the vendors' messages name a refused parameter."""
_NO_STREAMS = re.compile(
    r"(unsupported|(not|n['’]t) support(ed)?)\b.*\b(converse)?stream"
    r"|\b(converse)?stream(s|ing)?\b.*(unsupported|(not|n['’]t) supported)",
    re.IGNORECASE,
)
_STREAMS_NOT_ALLOWED = "InvokeModelWithResponseStream"
"""The AWS permission for streams; whole answers need InvokeModel."""
_PROMPT_DEPENDENT = re.compile("context|input length|prompt", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,12}")


class Refusals:
    """What each model is known to refuse. Keeps at most MAX_REMEMBERED_MODELS, and forgets the oldest first."""

    def __init__(self) -> None:
        self._by_model: dict[str, Refused] = {}

    def of(self, model: str) -> Refused:
        """Returns what a model is known to refuse."""
        return self._by_model.get(model, NOTHING)

    def remember(self, model: str, refused: Refused) -> None:
        """Remembers what a model refuses."""
        if not refused:
            return
        if len(self._by_model) >= MAX_REMEMBERED_MODELS and model not in self._by_model:
            del self._by_model[next(iter(self._by_model))]
        self._by_model[model] = refused


def refused_of(failure: Failure) -> Refused:
    """Returns what the model refuses according to a failure."""
    if failure.code in _REFUSING or 400 <= (failure.original_status or 0) < 500:
        found = {name for name, pattern in PATTERNS.items() if pattern.search(failure.message)}
        return frozenset(found | {STREAMING} if _NO_STREAMS.search(failure.message) else found)
    without_streams = failure.code == "UnknownOperationException" or failure.status in (405, 501)
    if without_streams or _STREAMS_NOT_ALLOWED in failure.message:
        return frozenset({STREAMING})
    return NOTHING


def is_lasting(failure: Failure, max_tokens: int) -> bool:
    """Tells whether the model always refuses it, rather than because this prompt leaves too little room for an answer.

    `max_tokens` is our own default. It is always refused if it is larger than every limit that the message names.
    """
    if not _PROMPT_DEPENDENT.search(failure.message):
        return True
    return all(int(number) <= max_tokens for number in _NUMBER.findall(failure.message))
