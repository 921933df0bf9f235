"""Reads the answers of Converse and ConverseStream as pieces.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.eventstream import EventStreamMessage

from llm_relay.errors import ProviderProtocol
from llm_relay.messages import FinishReason
from server_b.providers.base import Counted, Counting, Ending, Opening, Piece, Working
from server_b.providers.bedrock.answer.blocks import AnswerBlocks
from server_b.providers.bedrock.answer.event_stream import EventSplitter
from server_b.providers.bedrock.answer.usage import usage_from_wire
from server_b.providers.bedrock.failures.failure import (
    FAILED_AT_WORK,
    Failure,
    Refusal,
    failure_from_document,
    failure_from_error,
    failure_from_exception,
)
from server_b.providers.bedrock.json_objects import document
from server_b.providers.parsing.finish_reasons import finish_reason, finish_word, is_failure_word


class StreamReader:
    """Reads one stream of events."""

    def __init__(self, model: str) -> None:
        """`model` is the requested model: Bedrock's answers name none."""
        self.stopped = False
        """Whether the answer has ended; its usage follows after that."""
        self.complete = False
        """Whether the usage has arrived too."""
        self._model = model
        self._splitter = EventSplitter()
        self._opened = False
        self._blocks = AnswerBlocks()
        self._stop_reason = ""
        self._metadata: Mapping[str, Any] = {}

    def read(self, block: bytes) -> Iterator[Piece]:
        """Yields the pieces in `block`; neighbouring texts of one content block are joined.

        Raises Refusal for an error event and ProviderProtocol for damage, after yielding what came before.
        """
        failure: Exception | None = None
        opened = self._opened
        try:
            for message in self._splitter.split(block):
                self._take(message)
                if self.complete:  # what follows is ignored, even if it is damaged
                    break
        except (Refusal, ProviderProtocol) as error:
            failure = error
        if self._opened and not opened:
            yield Opening(self._model)
        pieces = self._blocks.take()
        yield from pieces
        if opened and not (pieces or self.stopped or failure):
            yield Working()
        if failure is not None:
            raise failure

    def end(self) -> Iterator[Piece]:
        """Yields the Ending; nothing if the answer has not ended. Raises Refusal if the model failed at its end."""
        if self.stopped:
            yield from _end(self._stop_reason, self._metadata, self._blocks)

    def _take(self, message: EventStreamMessage) -> None:
        headers = message.headers
        kind = headers.get(":message-type", "event")
        if kind == "exception":
            raise Refusal(failure_from_exception(headers.get(":exception-type"), message.payload))
        if headers.get(":event-type", "").endswith("Exception"):  # emulators frame exceptions as events
            raise Refusal(failure_from_exception(headers[":event-type"], message.payload))
        if kind == "error":
            raise Refusal(failure_from_error(headers.get(":error-code"), headers.get(":error-message")))
        if kind != "event":
            raise ProviderProtocol("the provider's answer is malformed")
        if take := _EVENTS.get(headers.get(":event-type", "")):
            self._opened = True
            take(self, document(message.payload))

    # One method for each event.

    def _take_message_start(self, event: dict[str, Any]) -> None:
        """Takes the first event, which only shows that the model is at work."""

    def _take_block_start(self, event: dict[str, Any]) -> None:
        self._blocks.begin(event)

    def _take_delta(self, event: dict[str, Any]) -> None:
        self._blocks.add(event)

    def _take_block_stop(self, event: dict[str, Any]) -> None:
        self._blocks.end(event)

    def _take_stop(self, event: dict[str, Any]) -> None:
        self._blocks.end_all()
        self._stop_reason = _stop_reason(event)
        self.stopped = True

    def _take_metadata(self, event: dict[str, Any]) -> None:
        self._metadata = event
        self.complete = self.stopped


_EVENTS: Mapping[str, Callable[[StreamReader, dict[str, Any]], None]] = {
    "messageStart": StreamReader._take_message_start,  # noqa: SLF001
    "contentBlockStart": StreamReader._take_block_start,  # noqa: SLF001
    "contentBlockDelta": StreamReader._take_delta,  # noqa: SLF001
    "contentBlockStop": StreamReader._take_block_stop,  # noqa: SLF001
    "messageStop": StreamReader._take_stop,  # noqa: SLF001
    "metadata": StreamReader._take_metadata,  # noqa: SLF001
}
"""Events of other names, which AWS may add, are skipped."""


def whole_answer(body: bytes, model: str) -> Iterator[Piece]:
    """Yields the pieces of Converse's answer.

    Raises Refusal for an error, and ProviderProtocol for an answer that is malformed or has no end.
    """
    answer = document(body, exactly=b'"toolUse"' in body)  # tool arguments are objects in it
    blocks = AnswerBlocks()
    match answer:
        case {"output": {"message": {"content": list(content)}}, "stopReason": _}:
            for index, block in enumerate(content):
                if isinstance(block, dict):
                    blocks.add_whole(index, block)
            blocks.end_all()
        case _:
            failure = failure_from_document(answer)
            raise Refusal(failure) if failure else ProviderProtocol
    yield Opening(model)
    yield from blocks.take()
    yield from _end(_stop_reason(answer), answer, blocks)


def _stop_reason(event: Mapping[str, Any]) -> str:
    """Returns why the model stopped; empty if the event does not say it."""
    reason = event.get("stopReason")
    return reason if isinstance(reason, str) else ""


def _end(stop_reason: str, metadata: Mapping[str, Any], blocks: AnswerBlocks) -> Iterator[Piece]:
    """Yields the Ending. If the reason says that the model failed, yields its counts and raises Refusal."""
    usage = usage_from_wire(metadata.get("usage"), stop_reason, has_text=blocks.any)
    match metadata.get("serviceTier"):
        case {"type": str(tier)}:
            pass
        case _:
            tier = ""
    word = finish_word(stop_reason)
    if is_failure_word(word):
        if usage is not None:
            counted = Counted(usage, is_final=True, service_tier=tier)
            yield Counting(lambda: counted)
        raise Refusal(Failure(code=FAILED_AT_WORK, is_own=True))
    reason = finish_reason(word)
    if blocks.any_calls and reason is FinishReason.STOP:  # some models end so when they wait for results
        reason = FinishReason.TOOL_CALLS
    yield Ending(reason, usage, tier)
