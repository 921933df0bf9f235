"""A Prompt: a question to a model. Every Prompt is valid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from sys import getsizeof

from llm_relay.errors import MAX_VIOLATIONS, InvalidRequest, Violation
from llm_relay.messages.numbers import MAX_INT32, is_number, is_whole
from llm_relay.messages.option_rules import option_violations
from llm_relay.messages.options import NO_OPTIONS, Options
from llm_relay.messages.part_rules import MAX_PARTS, TOO_MANY_PARTS, part_violations
from llm_relay.messages.parts import CachePoint, Part, ToolResult
from llm_relay.messages.sizes import held_bytes
from llm_relay.messages.text import request_id_fault, text_fault
from llm_relay.messages.tool_call_rules import tool_call_violations
from llm_relay.messages.turns import Role, Turn

MAX_TEMPERATURE = 2.0
MAX_MODEL_CHARS = 512
MAX_TURNS = 10_000
TOO_MANY_TURNS = f"must have at most {MAX_TURNS} turns"
MAX_TOKENS_LIMIT = MAX_INT32

_ROLES = frozenset(Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A question to a model. Raises InvalidRequest, naming every bad field, if it is not valid."""

    message: str = ""
    """What the user says now; not blank, but may be empty if `parts` has more than cache points."""
    context: str | None = None
    """System prompt; None or blank: none."""
    history: tuple[Turn, ...] = ()
    """Earlier turns, oldest first, at most MAX_TURNS."""
    model: str | None = None
    """A model of the provider, or a short name that it lists, at most 512 characters; None or blank: the default."""
    temperature: float | None = None
    """0 to 2; None: the server's default."""
    max_tokens: int | None = None
    """1 or more; None: the server's default."""
    request_id: str = ""
    """The caller's idempotency key; empty: the server makes one."""
    parts: tuple[Part, ...] = ()
    """What the user says now besides the message. Sent as tool results, then the message, then the other parts."""
    options: Options = NO_OPTIONS
    """How to answer."""

    def __post_init__(self) -> None:
        if violations := [*islice(self._violations(), MAX_VIOLATIONS + 1)]:
            raise InvalidRequest.of(*violations)

    @property
    def size_bytes(self) -> int:
        """The memory that the prompt and its contents take, in bytes."""
        size = getsizeof(self.message) + getsizeof(self.context) + getsizeof(self.history)
        for turn in self.history:  # held_bytes is much slower for a history of plain text
            size += getsizeof(turn) + getsizeof(turn.text) + (held_bytes(turn.parts) if turn.parts else 0)
        if self.parts:
            size += held_bytes(self.parts)
        return size if self.options is NO_OPTIONS else size + held_bytes(self.options)

    def _violations(self) -> Iterator[Violation]:
        if (fault := text_fault(self.message)) and not (self.message == "" and _says_something(self.parts)):
            yield Violation("message", fault)
        if self.context is not None and (fault := text_fault(self.context, blank_allowed=True)):
            yield Violation("context", fault)
        if self.model is not None and (fault := _model_fault(self.model)):
            yield Violation("model", fault)
        if self.history != ():
            yield from _turn_violations(self.history)
        if self.temperature is not None and not is_number(self.temperature, 0, MAX_TEMPERATURE):
            yield Violation("temperature", "must be a number from 0 to 2")
        if self.max_tokens is not None and not is_whole(self.max_tokens, 1, MAX_TOKENS_LIMIT):
            yield Violation("max_tokens", f"must be a whole number from 1 to {MAX_TOKENS_LIMIT}")
        if self.request_id != "" and (fault := request_id_fault(self.request_id)):
            yield Violation("request_id", fault)
        if self.parts or any(turn.parts for turn in self.history):
            yield from _parts_violations(self.history, self.parts)
        if self.options is not NO_OPTIONS:
            yield from option_violations(self.options)


def _says_something(parts: tuple[Part, ...]) -> bool:
    return any(not isinstance(part, CachePoint) for part in parts)


def _model_fault(model: str) -> str | None:
    fault = text_fault(model, blank_allowed=True)
    if fault is None and len(model) > MAX_MODEL_CHARS:
        return f"must have at most {MAX_MODEL_CHARS} characters"
    return fault


def _turn_violations(history: tuple[Turn, ...]) -> Iterator[Violation]:
    if len(history) > MAX_TURNS:
        yield Violation("history", TOO_MANY_TURNS)
        return
    for index, turn in enumerate(history):
        if turn.parts:
            if turn.text != "":
                yield Violation(f"history[{index}]", "must have text or parts, not both")
        elif fault := text_fault(turn.text):
            yield Violation(f"history[{index}].text", fault)
        if turn.role not in _ROLES:
            yield Violation(f"history[{index}].role", "must be user, assistant or system")


def _parts_violations(history: tuple[Turn, ...], parts: tuple[Part, ...]) -> Iterator[Violation]:
    if len(history) > MAX_TURNS:
        return
    if sum(_count(turn.parts) for turn in history) + _count(parts) > MAX_PARTS:
        yield Violation("parts", TOO_MANY_PARTS)
        return
    for place, turn in enumerate(history):
        for index, part in enumerate(turn.parts):
            yield from part_violations(f"history[{place}].parts[{index}]", part, turn.role)
    for index, part in enumerate(parts):
        yield from part_violations(f"parts[{index}]", part, Role.USER)
    yield from tool_call_violations(history, parts)


def _count(parts: tuple[Part, ...]) -> int:
    return len(parts) + sum(len(part.content) for part in parts if isinstance(part, ToolResult))
