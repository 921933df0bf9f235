"""Collects an answer from its documents: the chunks of a stream, or a whole completion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llm_relay.messages import FinishReason
from server_b.providers.openai.answer.block_places import REASONING, REFUSAL, TEXT, Blocks
from server_b.providers.openai.answer.usage import counts_something, joined_counts, usage_of
from server_b.providers.openai.chat.content import Content, Taken
from server_b.providers.openai.chat.tool_calls import ToolCalls
from server_b.providers.openai.event_data import is_sign_of_life
from server_b.providers.openai.failures.errors import malformed
from server_b.providers.openai.failures.failure import (
    Failed,
    failure_of_document,
    is_failure,
    minimax_failure,
    says_something,
)
from server_b.providers.parsing.finish_reasons import finish_reason, finish_word, is_failure_word

_PLACES = ("delta", "message", "text")
"""Members with the content of a choice. A whole completion has `message`, but servers mix these up."""
_NOTHING_TO_SAY = frozenset(
    {"index", "finish_reason", "native_finish_reason", "stop_reason", "matched_stop", "logprobs", "usage", "token_ids"}
    | {"content_filter_result", "content_filter_results", "content_filter_offsets"}
)
"""Members that a choice without content may have, such as those of Azure's filter."""


@dataclass(slots=True)
class AnswerSoFar:
    """The answer so far. Raises Failed, or ProviderProtocol for a document that is not part of a completion."""

    model: str
    """The requested model, until the answer names another."""
    content: Content = field(default_factory=Content)
    """The content since it was last taken."""
    blocks: Blocks = field(default_factory=Blocks)
    calls: ToolCalls = field(init=False)
    chunks: int = 0
    signs_of_life: int = 0
    """Number of events that only said that the server is alive."""
    opened: bool = False
    choice_index: object = None
    """Index of the choice that is read, of several; None until one has arrived."""
    finish_reason: FinishReason | None = None
    counts: Mapping[str, object] | None = None
    are_counts_current: bool = True
    """Whether nothing was written after the counts, as of the last time that content was taken."""
    _counted_pieces: int | None = None
    """How much content waited to be taken when the counts arrived; None: it has been taken since."""
    _counted_alone: int = 0
    """The number of chunks when one had counts but no choice, as the last chunk of an answer has."""
    _failed_with_counts: bool = False
    """Whether the provider reported a failure and its counts in one document."""
    service_tier: str = ""

    def __post_init__(self) -> None:
        self.calls = ToolCalls(self.blocks.next)

    @property
    def has_final_counts(self) -> bool:
        """Whether the counts, if there are any, are those of the end: nothing is written after them."""
        is_last = self._counted_alone == self.chunks > 1
        has_ended = self.finish_reason is not None or self._failed_with_counts or is_last
        return has_ended and self.are_counts_current

    def take(self, document: object) -> None:
        """Takes a chunk, a whole completion, an error or a sign of life."""
        if not isinstance(document, dict):
            raise malformed("a document of the answer is not an object")
        choices = document.get("choices")
        if not choices or ((error := document.get("error")) and says_something(error)):
            self._take_without_choice(document)
            return
        choice = choices[0] if choices.__class__ is list and len(choices) == 1 else self._first_choice(choices)
        if not isinstance(choice, dict):
            raise malformed("the choices of a chunk are not a list of objects")
        self._begin(document)
        if (index := choice.get("index")) != self.choice_index and not self._is_read(index):
            if document.get("usage"):
                self._count(document)
            return
        reason = choice.get("finish_reason")
        delta = choice.get("delta")
        content = delta.get("content") if delta.__class__ is dict and len(delta) == 1 else None
        if content.__class__ is str:  # the usual case
            if content:
                self.content.texts.append(content)
        else:
            self._take_message(document, choice)
        if document.get("usage"):
            self._count(document)
        if reason or "error" in choice or "usage" in choice or "x_groq" in document:
            self._take_end(document, choice, reason)

    def taken(self) -> Taken:
        """Returns the content since the last call, and forgets it."""
        taken = self.content.taken()
        if self.counts is not None:
            texts, reasoning, refusals, calls = taken
            counted, written = self._counted_pieces, len(texts) + len(reasoning) + len(refusals) + len(calls)
            self.are_counts_current = counted == written or (
                counted is None and self.are_counts_current and not written
            )
            self._counted_pieces = None
        return taken

    def fail(self, document: object) -> None:
        """Takes a document or a text that reports a failure. Raises Failed."""
        raise Failed(failure_of_document(document, is_first=not self.chunks and not self.signs_of_life))

    def _first_choice(self, choices: object) -> object:
        """Returns the choice with the lowest index: one is requested, but some servers send several."""
        if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
            raise malformed("the choices of a chunk are not a list of objects")
        return min(choices, key=lambda choice: _number(choice.get("index")))

    def _is_read(self, index: object) -> bool:
        """Tells whether to read a choice. Only the choice whose first chunk came first is read."""
        if self.choice_index is None:
            self.choice_index = index
        return _number(index) == _number(self.choice_index)

    def _begin(self, document: Mapping[str, Any]) -> None:
        self.chunks += 1
        if tier := document.get("service_tier"):
            self.service_tier = tier if isinstance(tier, str) else ""
        if not self.opened:
            self.opened = True
            self.model = _model(document) or self.model

    def _take_without_choice(self, document: Mapping[str, Any]) -> None:
        """Takes counts, results of Azure's filter for the prompt, and signs of life. Anything else is a failure."""
        if is_failure(document):
            self._count_failed(document)
            self.fail(document)
        if "choices" not in document and "usage" not in document:
            if not document or any(is_sign_of_life(document.get(name)) for name in ("type", "object", "event")):
                self.signs_of_life += 1
                return
            raise malformed("a document of the answer has no choices")
        self.chunks += 1
        self._count(document)
        if document.get("usage"):
            self._counted_alone = self.chunks
        if not self.opened and (model := _model(document)):
            self.opened = True
            self.model = model

    def _take_message(self, document: Mapping[str, Any], choice: Mapping[str, Any]) -> None:
        for place in _PLACES:
            message = choice.get(place)
            if message is None or (message == {} and isinstance(choice.get("text"), str)):  # the text is beside it
                continue
            if isinstance(message, dict):
                if place == "message":
                    is_end = bool(choice.get("finish_reason")) or self.finish_reason is not None
                    self.content.take_whole_message(message, is_end=is_end)
                else:
                    self.content.take_message(message)
                if says_something(message.get("error")):
                    self._fail_at_end(message["error"], document)
                if "tool_calls" in message or "function_call" in message:
                    self._take_calls(message, is_whole=place == "message")
                if parts := self.content.call_parts:
                    self.content.call_parts = []
                    self._take_calls({"tool_calls": parts}, is_whole=place == "message")
                return
            if isinstance(message, str) and place == "text":
                self.content.take_message({"content": message})
                return
            raise malformed("a delta or a message is not an object")
        if not any(place in choice for place in _PLACES) and not _NOTHING_TO_SAY.issuperset(choice):
            raise malformed("a choice has neither a delta nor a message")

    def _take_calls(self, message: Mapping[str, Any], *, is_whole: bool) -> None:
        """Takes the tool calls of a message. Its other content comes before them."""
        for kind, pieces in (
            (REASONING, self.content.reasoning),
            (TEXT, self.content.texts),
            (REFUSAL, self.content.refusals),
        ):
            if pieces:
                self.blocks.of(kind)
        self.content.calls.extend(self.calls.take(message, is_whole=is_whole))

    def _take_end(self, document: Mapping[str, Any], choice: Mapping[str, Any], reason: object) -> None:
        for place in (choice, document.get("x_groq")):
            if isinstance(place, dict) and says_something(place.get("error")):
                self._fail_at_end(place["error"], document)
        if (failure := minimax_failure(document)) is not None:
            self._fail_at_end(failure, document)
        self._count(document)
        if not reason:
            return
        details = reason if isinstance(reason, dict) else {}  # SGLang's engine gives the type, and an error's status
        reason = details.get("type", reason)
        if not isinstance(reason, str):
            raise malformed("a finish_reason is not text")
        word = finish_word(reason)
        for said in (word, _native_word(choice)):
            if is_failure_word(said):
                self._fail_at_end({**details, "type": "server_error", "code": said}, document)
        self.finish_reason = finish_reason(word)

    def _count(self, document: Mapping[str, Any]) -> None:
        """Keeps the latest counts. Zeros do not replace earlier counts."""
        counts = usage_of(document)
        if counts is not None and (self.counts is None or counts_something(counts)):
            content = self.content
            texts = len(content.texts) + len(content.reasoning) + len(content.refusals)
            pieces = texts + len(content.calls)
            counted = self._counted_pieces
            is_current = counted == pieces or (counted is None and self.are_counts_current and not pieces)
            self.counts = joined_counts(self.counts, counts, is_output_current=is_current)
            self._counted_pieces = pieces

    def _count_failed(self, document: Mapping[str, Any]) -> None:
        """Keeps the counts of a document that reports a failure."""
        self._count(document)
        self._failed_with_counts = usage_of(document) is not None

    def _fail_at_end(self, error: object, document: Mapping[str, Any]) -> None:
        """Raises Failed for a chunk that says that the provider failed."""
        self._count_failed(document)
        nothing_came = self.chunks == 1 and not (self.signs_of_life or self.content or self.counts)
        raise Failed(failure_of_document({"error": error}, is_first=nothing_came))


def _number(index: object) -> int:
    return index if isinstance(index, int) else 0


def _native_word(choice: Mapping[str, Any]) -> str:
    """Returns the finish reason of the provider behind OpenRouter, which may report its failure as `stop`."""
    reason = choice.get("native_finish_reason")
    return finish_word(reason) if isinstance(reason, str) else ""


def _model(document: Mapping[str, Any]) -> str:
    model = document.get("model")
    return model if isinstance(model, str) else ""
