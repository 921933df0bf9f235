"""What travels through the relay, in plain Python: frozen, slotted, knowing no wire.

A `Prompt` that exists is valid: its constructor raises InvalidRequest naming each bad field, so every
door has the same checks. Text is refused where UTF-8 cannot carry it (lone surrogates) and with NUL.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from llm_relay.errors import InvalidRequest, Violation

MAX_TEMPERATURE = 2.0
MAX_MODEL_CHARS = 512
MAX_TURNS = 10_000
TOO_MANY_TURNS = f"must have {MAX_TURNS} turns at most"
MAX_TOKENS_LIMIT = 2**31 - 1
REQUEST_ID_PATTERN = r"[A-Za-z0-9._:\-]{1,128}"
_REQUEST_ID = re.compile(REQUEST_ID_PATTERN)


class Role(enum.Enum):
    """Who spoke a turn."""

    USER = "user"
    ASSISTANT = "assistant"


_ROLES = frozenset(Role)


class FinishReason(enum.Enum):
    """Why an answer ended."""

    STOP = "stop"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    CANCELLED = "cancelled"
    OTHER = "other"


class Accuracy(enum.Enum):
    """How a count of tokens came about: from the provider, from the text, or not at all."""

    EXACT = "exact"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"


class State(enum.Enum):
    """How well a server or its provider is; UNSPECIFIED: nobody has asked it yet."""

    UNSPECIFIED = "unspecified"
    HEALTHY = "healthy"
    DEGRADED = "degraded"


def text_fault(text: object, *, blank_allowed: bool = False) -> str | None:
    """Returns what makes `text` unfit to travel, or None."""
    if not isinstance(text, str):
        return "must be text"
    if not blank_allowed and not text.strip():
        return "must not be blank"
    if "\0" in text:
        return "must not contain NUL (U+0000)"
    if not text.isascii() and not _is_utf8(text):
        return "must be valid Unicode, without lone surrogates"
    return None


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def request_id_fault(request_id: object) -> str | None:
    """Returns what makes `request_id` unfit as an idempotency key, or None."""
    if isinstance(request_id, str) and _REQUEST_ID.fullmatch(request_id):
        return None
    return "must be 1 to 128 of A-Z a-z 0-9 . _ : -"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One earlier turn of the conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A question to a model. Raises InvalidRequest, naming every bad field, if it is not valid."""

    message: str
    """What the user says now; not blank."""
    context: str | None = None
    """System prompt; None or blank: none."""
    history: tuple[Turn, ...] = ()
    """Earlier turns, oldest first, MAX_TURNS at most."""
    model: str | None = None
    """The provider's model or a short name that it lists, 512 characters at most; None or blank: the default."""
    temperature: float | None = None
    """0 to 2; None: the server's default."""
    max_tokens: int | None = None
    """1 or more; None: the server's default."""
    request_id: str = ""
    """The caller's idempotency key; empty: the server makes one."""

    def __post_init__(self) -> None:
        if violations := [*self._violations()]:
            raise InvalidRequest.of(*violations)

    @property
    def text_chars(self) -> int:
        """How much text it has in all, in characters."""
        return len(self.message) + len(self.context or "") + sum(len(turn.text) for turn in self.history)

    def _violations(self) -> Iterator[Violation]:
        if fault := text_fault(self.message):
            yield Violation("message", fault)
        if self.context is not None and (fault := text_fault(self.context, blank_allowed=True)):
            yield Violation("context", fault)
        if self.model is not None and (fault := _model_fault(self.model)):
            yield Violation("model", fault)
        if self.history != ():
            yield from _turn_violations(self.history)
        if not _is_temperature(self.temperature):
            yield Violation("temperature", "must be a number from 0 to 2")
        if not _is_max_tokens(self.max_tokens):
            yield Violation("max_tokens", f"must be a whole number from 1 to {MAX_TOKENS_LIMIT}")
        if self.request_id != "" and (fault := request_id_fault(self.request_id)):
            yield Violation("request_id", fault)


def _turn_violations(history: tuple[Turn, ...]) -> Iterator[Violation]:
    if len(history) > MAX_TURNS:
        yield Violation("history", TOO_MANY_TURNS)
        return
    for index, turn in enumerate(history):
        if fault := text_fault(turn.text):
            yield Violation(f"history[{index}].text", fault)
        if turn.role not in _ROLES:
            yield Violation(f"history[{index}].role", "must be user or assistant")


def _model_fault(model: str) -> str | None:
    fault = text_fault(model, blank_allowed=True)
    if fault is None and len(model) > MAX_MODEL_CHARS:
        return f"must be {MAX_MODEL_CHARS} characters at most"
    return fault


def _is_temperature(value: object) -> bool:
    # NaN and the infinities lie in no range.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is None or (number and 0 <= value <= MAX_TEMPERATURE)  # type: ignore[operator]


def _is_max_tokens(value: object) -> bool:
    return value is None or (type(value) is int and 1 <= value <= MAX_TOKENS_LIMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens that a call used; None is unknown, never 0."""

    input_tokens: int | None = None
    """All input, cache reads and writes included."""
    output_tokens: int | None = None
    """All output, reasoning included."""
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    accuracy: Accuracy = Accuracy.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a call costs by list price; `usd` None: no price is known."""

    usd: Decimal | None = None
    price_source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The provider's first event has come."""

    request_id: str
    model: str
    provider: str
    sequence: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """More text; `sequence` is the number of the last provider delta in it, from 2."""

    text: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The end of an answer and what it took; `finish_reason` None: it failed."""

    finish_reason: FinishReason | None
    model: str
    usage: Usage
    cost: Cost
    completed_at: datetime
    """In UTC."""
    duration_s: float
    """From admission to the end."""
    sequence: int = 0
    """The last delta's number + 1; 0 where it is not part of a stream."""


Event = Started | Delta | Finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer."""

    request_id: str
    text: str
    provider: str
    finished: Finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The models that can be asked for."""

    provider: str
    models: tuple[str, ...]
    default_model: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Health and configuration in force, never a secret."""

    server: str
    version: str
    state: State
    provider: str
    provider_configured: bool
    provider_state: State
    provider_error: str
    """Reason of the provider's last failure; empty: none since its last success.

    Of several providers: "REASON name" of each that failed, with commas, in the order in which they were asked.
    """
    calls_processed: int
    default_model: str
    default_temperature: float
    default_max_tokens: int
    observed_at: datetime
    """In UTC."""
