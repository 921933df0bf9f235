"""The output items of a streamed response, with the events that open, fill and close each item."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import orjson

from gateway.openai.namespaces import CalledNames
from gateway.openai.responses.answer import call_item, message_item, reasoning_item, refusal_part, text_part
from llm_relay.messages import Reasoning, ToolCall

EventBody = dict[str, Any]


class Block(ABC):
    """An output item that is being streamed."""

    ends_with_next: ClassVar[bool] = True
    """Whether the block ends when another one begins. Calls may be interleaved."""
    delta_head: bytes = b""
    """For text: the bytes of a delta up to its sequence number."""

    def __init__(self, identifier: str) -> None:
        self.identifier = identifier
        self._pieces: list[str] = []
        self._status = "in_progress"
        self.output_index = 0

    def place(self, output_index: int) -> None:
        """Sets the block's index in the output."""
        self.output_index = output_index

    def add(self, text: str) -> None:
        """Adds a piece of text."""
        self._pieces.append(text)

    @property
    def is_empty(self) -> bool:
        """Whether no text has arrived yet."""
        return not self._pieces

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._pieces)

    @property
    @abstractmethod
    def item(self) -> EventBody:
        """The output item in its current state."""

    @abstractmethod
    def delta(self, text: str) -> EventBody:
        """Returns the event for a piece of text."""

    @abstractmethod
    def _done(self) -> Iterator[EventBody]:
        """Yields the events that end the content."""

    def before_first(self) -> Iterator[EventBody]:
        """Yields the events to send before the first piece."""
        yield from ()

    def opening(self) -> Iterator[EventBody]:
        """Yields the events that open the item."""
        yield {"type": "response.output_item.added", "output_index": self.output_index, "item": self._empty_item()}

    def _empty_item(self) -> EventBody:
        return self.item

    def closing(self, status: str) -> Iterator[EventBody]:
        """Yields the events that close the item, with its final status."""
        self._status = status
        yield from self._done()
        yield {"type": "response.output_item.done", "output_index": self.output_index, "item": self.item}

    def _of_item(self, kind: str, **members: Any) -> EventBody:
        return {"type": kind, "item_id": self.identifier, "output_index": self.output_index, **members}


class TextBlock(Block):
    """A message of text."""

    @property
    def item(self) -> EventBody:
        return message_item(self.identifier, self._status, [text_part(self.text)])

    def _empty_item(self) -> EventBody:
        return message_item(self.identifier, self._status, [])

    def opening(self) -> Iterator[EventBody]:
        yield from super().opening()
        self.delta_head = self._delta_head()
        yield self._of_item("response.content_part.added", content_index=0, part=text_part(""))

    def _delta_head(self) -> bytes:
        kind = "response.output_text.delta"
        document = orjson.dumps(self._of_item(kind, content_index=0, logprobs=[]))
        return b'event: %b\ndata: %b,"sequence_number":' % (kind.encode(), document[:-1])

    def delta(self, text: str) -> EventBody:
        return self._of_item("response.output_text.delta", content_index=0, logprobs=[], delta=text)

    def _done(self) -> Iterator[EventBody]:
        yield self._of_item("response.output_text.done", content_index=0, logprobs=[], text=self.text)
        yield self._of_item("response.content_part.done", content_index=0, part=text_part(self.text))


class RefusalBlock(Block):
    """A refusal message."""

    @property
    def item(self) -> EventBody:
        return message_item(self.identifier, self._status, [refusal_part(self.text)])

    def _empty_item(self) -> EventBody:
        return message_item(self.identifier, self._status, [])

    def opening(self) -> Iterator[EventBody]:
        yield from super().opening()
        yield self._of_item("response.content_part.added", content_index=0, part=refusal_part(""))

    def delta(self, text: str) -> EventBody:
        return self._of_item("response.refusal.delta", content_index=0, delta=text)

    def _done(self) -> Iterator[EventBody]:
        yield self._of_item("response.refusal.done", content_index=0, refusal=self.text)
        yield self._of_item("response.content_part.done", content_index=0, part=refusal_part(self.text))


class CallBlock(Block):
    """A function call."""

    ends_with_next = False

    def __init__(self, identifier: str, call_id: str, name: str, names: CalledNames) -> None:
        super().__init__(identifier)
        self._call_id = call_id
        self._name = name
        self._names = names

    @property
    def item(self) -> EventBody:
        call = ToolCall(id=self._call_id, name=self._name, arguments_json=self.text)
        return {**call_item(self.identifier, call, self._status, self._names), "arguments": self.text}

    def delta(self, text: str) -> EventBody:
        return self._of_item("response.function_call_arguments.delta", delta=text)

    def _done(self) -> Iterator[EventBody]:
        name = self._names.members(self._name)["name"]
        yield self._of_item("response.function_call_arguments.done", name=name, arguments=self.text)


class ReasoningBlock(Block):
    """The model's reasoning."""

    def __init__(self, identifier: str, provider: str) -> None:
        super().__init__(identifier)
        self._provider = provider
        self._signature = b""
        self._redacted = b""

    def sign(self, signature: bytes, redacted: bytes) -> None:
        """Stores what only the provider can read."""
        self._signature += signature
        self._redacted += redacted

    @property
    def item(self) -> EventBody:
        block = Reasoning(text=self.text, signature=self._signature, redacted=self._redacted, id=self.identifier)
        return reasoning_item(self.identifier, block, self._provider)

    def before_first(self) -> Iterator[EventBody]:
        yield self._of_item("response.reasoning_summary_part.added", summary_index=0, part=_summary(""))

    def delta(self, text: str) -> EventBody:
        return self._of_item("response.reasoning_summary_text.delta", summary_index=0, delta=text)

    def _done(self) -> Iterator[EventBody]:
        if not self.is_empty:
            yield self._of_item("response.reasoning_summary_text.done", summary_index=0, text=self.text)
            yield self._of_item("response.reasoning_summary_part.done", summary_index=0, part=_summary(self.text))


def _summary(text: str) -> EventBody:
    return {"type": "summary_text", "text": text}
