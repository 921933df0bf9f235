"""What each model refuses of what the caller did not ask for: found out once, and left out from then on."""

from __future__ import annotations

import re
from collections.abc import Mapping

from server_b.providers.bedrock.failures.failure import Failure

TEMPERATURE = "temperature"
MAX_TOKENS = "maxTokens"
STREAMING = "streaming"
"""The model, or the account's policy, has whole answers only."""

Refused = frozenset[str]
"""Any of the three."""
NOTHING: Refused = frozenset()
MAX_REMEMBERED_MODELS = 1000

_REFUSING = frozenset({"ValidationException", "ValidationError"})
"""The codes of a refusal. Behind any other, the model's own server may have refused."""
PATTERNS: Mapping[str, re.Pattern[str]] = {
    TEMPERATURE: re.compile("temperature", re.IGNORECASE),
    MAX_TOKENS: re.compile(
        r"maximum tokens you requested|max_?(new_|completion_|output_|gen_)?(tokens|len)\b|max_?token_?count"
        r"|max_tokens_to_sample|completion\)",
        re.IGNORECASE,
    ),
}
"""How a model names a parameter that it refuses, in each vendor's own words."""
_NO_STREAMS = re.compile(
    r"(unsupported|(not|n['’]t) support(ed)?)\b.*\b(converse)?stream"
    r"|\b(converse)?stream(s|ing)?\b.*(unsupported|(not|n['’]t) supported)",
    re.IGNORECASE,
)
_STREAMS_NOT_ALLOWED = "InvokeModelWithResponseStream"
"""The permission that streams need; whole answers need InvokeModel."""
_PROMPT_DEPENDENT = re.compile("context|input length|prompt", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,12}")


class Refusals:
    """What each model is known to refuse. Forgets the oldest beyond MAX_REMEMBERED_MODELS."""

    def __init__(self) -> None:
        self._by_model: dict[str, Refused] = {}

    def of(self, model: str) -> Refused:
        """Returns what a model is known to refuse."""
        return self._by_model.get(model, NOTHING)

    def remember(self, model: str, refused: Refused) -> None:
        """Keeps what has been found out."""
        if not refused:
            return
        if len(self._by_model) >= MAX_REMEMBERED_MODELS and model not in self._by_model:
            del self._by_model[next(iter(self._by_model))]
        self._by_model[model] = refused


def refused_of(failure: Failure) -> Refused:
    """Returns what a failure says that the model does not take."""
    if failure.code in _REFUSING or 400 <= (failure.original_status or 0) < 500:
        found = {name for name, pattern in PATTERNS.items() if pattern.search(failure.message)}
        return frozenset(found | {STREAMING} if _NO_STREAMS.search(failure.message) else found)
    without_streams = failure.code == "UnknownOperationException" or failure.status in (405, 501)
    if without_streams or _STREAMS_NOT_ALLOWED in failure.message:
        return frozenset({STREAMING})
    return NOTHING


def is_lasting(failure: Failure, max_tokens: int) -> bool:
    """Tells whether the model refuses it always, and not because this prompt leaves too little room for an answer.

    `max_tokens` is our own default, which is refused always where it is larger than every limit that is named.
    """
    if not _PROMPT_DEPENDENT.search(failure.message):
        return True
    return all(int(number) <= max_tokens for number in _NUMBER.findall(failure.message))
