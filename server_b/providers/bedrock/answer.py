"""What Converse and ConverseStream answer, as pieces of an answer.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from botocore.eventstream import EventStreamMessage

from llm_relay.errors import ProviderProtocol
from llm_relay.messages import FinishReason
from server_b.providers.base import Ending, Opening, Piece, Working
from server_b.providers.bedrock.documents import document
from server_b.providers.bedrock.events import EventSplitter
from server_b.providers.bedrock.failures import (
    Refusal,
    failure_from_document,
    failure_from_error,
    failure_from_exception,
)
from server_b.providers.bedrock.texts import Texts
from server_b.providers.bedrock.usage import usage_from_wire

FINISH_REASONS: Mapping[str, FinishReason] = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "content_filtered": FinishReason.CONTENT_FILTER,
    "guardrail_intervened": FinishReason.CONTENT_FILTER,
    "refusal": FinishReason.CONTENT_FILTER,
    "malformed_model_output": FinishReason.OTHER,
    "malformed_tool_use": FinishReason.OTHER,
    "tool_use": FinishReason.OTHER,
}
"""By Bedrock's stopReason; any other is OTHER."""


class StreamReader:
    """Follows one stream of events: what it says is put into as few pieces as the blocks allow."""

    def __init__(self, model: str) -> None:
        """`model` is the one asked for: Bedrock names none."""
        self.stopped = False
        """Whether the answer's own end has come; its usage comes after that."""
        self.complete = False
        """Whether the usage has come too."""
        self._model = model
        self._splitter = EventSplitter()
        self._opened = False
        self._texts = Texts()
        self._reasoning: list[str] = []
        self._stop_reason = ""
        self._metadata: Mapping[str, Any] = {}

    @property
    def ending(self) -> Ending | None:
        """The provider's own end; None while there is none."""
        return _ending(self._stop_reason, self._metadata, has_text=self._texts.any) if self.stopped else None

    def read(self, block: bytes) -> Iterator[Piece]:
        """Yields what `block` says, its texts as one.

        Raises Refusal for an error that it says, and ProviderProtocol for damage, after what came before it.
        """
        failure: Exception | None = None
        opened = self._opened
        try:
            for message in self._splitter.split(block):
                self._take(message)
        except (Refusal, ProviderProtocol) as error:
            failure = error
        if self._opened and not opened:
            yield Opening(self._model)
        if self._reasoning:
            yield _shown(self._reasoning)
        text = self._texts.take(at_end=self.stopped)
        if text:
            yield text
        elif opened and not (self._reasoning or self.stopped or failure):
            yield Working()
        self._reasoning.clear()
        if failure is not None:
            raise failure

    def _take(self, message: EventStreamMessage) -> None:
        headers = message.headers
        kind = headers.get(":message-type", "event")
        if kind == "exception":
            raise Refusal(failure_from_exception(headers.get(":exception-type"), message.payload))
        if kind == "error":
            raise Refusal(failure_from_error(headers.get(":error-code"), headers.get(":error-message")))
        if kind != "event":
            raise ProviderProtocol("the provider's answer is malformed")
        if take := _EVENTS.get(headers.get(":event-type", "")):
            self._opened = True
            take(self, document(message.payload))

    # The events, by their names.

    def _take_nothing(self, event: dict[str, Any]) -> None:
        """The bounds of the message and of its blocks; a block is known by its contentBlockIndex."""

    def _take_delta(self, event: dict[str, Any]) -> None:
        delta = event.get("delta")
        if not isinstance(delta, dict):
            raise ProviderProtocol("the provider's answer is malformed")
        if text := _text(delta):
            self._texts.add(text)
        elif text := _reasoning(delta):
            self._reasoning.append(text)

    def _take_stop(self, event: dict[str, Any]) -> None:
        self.stopped = True
        self._stop_reason = _stop_reason(event)

    def _take_metadata(self, event: dict[str, Any]) -> None:
        self._metadata = event
        self.complete = self.stopped


_EVENTS: Mapping[str, Callable[[StreamReader, dict[str, Any]], None]] = {
    "messageStart": StreamReader._take_nothing,  # noqa: SLF001
    "contentBlockStart": StreamReader._take_nothing,  # noqa: SLF001
    "contentBlockDelta": StreamReader._take_delta,  # noqa: SLF001
    "contentBlockStop": StreamReader._take_nothing,  # noqa: SLF001
    "messageStop": StreamReader._take_stop,  # noqa: SLF001
    "metadata": StreamReader._take_metadata,  # noqa: SLF001
}
"""Events of other names, which AWS may add, are skipped."""


def whole_answer(body: bytes, model: str) -> Iterator[Piece]:
    """Yields the pieces of Converse's answer.

    Raises Refusal for an error, and ProviderProtocol for an answer that is malformed or has no end.
    """
    answer = document(body)
    match answer:
        case {"output": {"message": {"content": list(blocks)}}, "stopReason": _}:
            sound = [block for block in blocks if isinstance(block, dict)]
            texts = Texts()
            texts.add("".join(map(_text, sound)))
        case _:
            failure = failure_from_document(answer)
            raise Refusal(failure) if failure else ProviderProtocol
    yield Opening(model)
    if reasoning := [*filter(None, map(_reasoning, sound))]:
        yield _shown(reasoning)
    if text := texts.take(at_end=True):
        yield text
    yield _ending(_stop_reason(answer), answer, has_text=texts.any)


def _text(block: Mapping[str, Any]) -> str:
    """Returns the text of a block or of a delta; of what is no text, nothing."""
    text = block.get("text", "")
    if not isinstance(text, str):
        raise ProviderProtocol("the provider's answer is malformed")
    return text


def _reasoning(block: Mapping[str, Any]) -> str:
    """Returns the reasoning that a block or a delta shows; of its signature, or what is encrypted, nothing."""
    match block.get("reasoningContent"):
        case {"text": str(text)} | {"reasoningText": {"text": str(text)}}:
            return text
        case _:
            return ""


def _shown(reasoning: Iterable[str]) -> Working:
    # It is counted, and a half of a character could not be.
    return Working("".join(reasoning).encode(errors="replace").decode())


def _stop_reason(event: Mapping[str, Any]) -> str:
    reason = event.get("stopReason")
    return reason if isinstance(reason, str) else ""


def _ending(stop_reason: str, metadata: Mapping[str, Any], *, has_text: bool) -> Ending:
    usage = usage_from_wire(metadata.get("usage"), stop_reason, has_text=has_text)
    match metadata.get("serviceTier"):
        case {"type": str(tier)}:
            return Ending(FINISH_REASONS.get(stop_reason, FinishReason.OTHER), usage, tier)
        case _:
            return Ending(FINISH_REASONS.get(stop_reason, FinishReason.OTHER), usage)
