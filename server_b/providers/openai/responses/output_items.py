"""The items of a response's output: messages, reasoning and function calls.

Each takes deltas, and at its end the whole item, from which it takes only what no delta had.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from server_b.providers.base import Text
from server_b.providers.content_pieces import (
    CallArguments,
    CallFinished,
    CallStarted,
    ReasoningPiece,
    RefusalPiece,
)
from server_b.providers.openai.answer.block_places import Blocks
from server_b.providers.openai.failures.errors import malformed
from server_b.providers.openai.responses.pieces import Pieces
from server_b.providers.parsing.call_ids import CallIds
from server_b.providers.parsing.json_text import arguments_text

Fields = Mapping[str, Any]


class OutputItem(Protocol):
    """One item of the output."""

    is_over: bool
    """Whether the item has ended."""

    def begin(self, item: Fields) -> None:
        """Takes what the item contains when it begins."""
        ...

    def add_delta(self, event: Fields, delta: str) -> None:
        """Takes a delta."""
        ...

    def add_whole(self, event: Fields) -> None:
        """Takes a whole part of the item, unless deltas had it already."""
        ...

    def end(self, item: Fields) -> None:
        """Takes the whole item, or nothing more. May be called twice."""
        ...


class Message:
    """A message: texts and refusals, each in a block of its own."""

    def __init__(self, pieces: Pieces, blocks: Blocks, _: CallIds) -> None:
        self.is_over = False
        self._pieces, self._blocks = pieces, blocks
        self._begun: Fields = {}
        self._places: dict[tuple[type, int], int] = {}
        """Numbers of the blocks, by kind and index within the message."""

    def begin(self, item: Fields) -> None:
        """Remembers what the message contains already. A block begins with its text."""
        self._begun = item

    def add_delta(self, event: Fields, delta: str) -> None:
        """Takes more of a text or a refusal."""
        kind = RefusalPiece if "refusal" in event["type"] else Text
        key = kind, _index(event, "content_index")
        if key not in self._places:
            self._places[key] = self._blocks.next()
        self._pieces.add_delta(kind, self._places[key], delta)

    def add_whole(self, event: Fields) -> None:
        """Takes a text or a refusal that no delta had."""
        kind = RefusalPiece if "refusal" in event["type"] else Text
        self._add_missing(kind, _index(event, "content_index"), event)

    def end(self, item: Fields) -> None:
        """Takes the texts and refusals that no delta had."""
        self.is_over = True
        content = item.get("content") or self._begun.get("content")
        parts = content if isinstance(content, list) else [content]
        for index, part in enumerate(_objects([{"text": one} if isinstance(one, str) else one for one in parts])):
            self._add_missing(RefusalPiece if part.get("type") == "refusal" else Text, index, part)

    def _add_missing(self, kind: type[Text | RefusalPiece], index: int, part: Fields) -> None:
        text = _text(part, "refusal" if kind is RefusalPiece else "text")
        if text and (kind, index) not in self._places:
            self._places[kind, index] = self._blocks.next()
            self._pieces.add_delta(kind, self._places[kind, index], text)


class ReasoningItem:
    """Reasoning: a summary or the reasoning itself, and encrypted reasoning that only OpenAI can read."""

    def __init__(self, pieces: Pieces, blocks: Blocks, _: CallIds) -> None:
        self.is_over = False
        self._pieces, self._blocks = pieces, blocks
        self._id = ""
        self._block = -1
        """Number of its block; -1 until something of it was shown."""
        self._source = ""
        """`summary` or `content`, whichever arrives first: only that one is shown."""
        self._section = -1
        """Number of the last section that was shown."""
        self._has_encrypted = False
        self._begun: Fields = {}

    def begin(self, item: Fields) -> None:
        """Takes the id, and remembers what the item contains already."""
        self._begun, self._id = item, _text(item, "id")

    def add_delta(self, event: Fields, delta: str) -> None:
        """Takes more of the reasoning. Sections are shown as paragraphs."""
        self._show(*_section(event), delta)

    def add_whole(self, event: Fields) -> None:
        """Takes a section that no delta had."""
        source, section = _section(event)
        if text := _text(event, "text"):
            self._show_missing(source, section, text)

    def end(self, item: Fields) -> None:
        """Takes the encrypted reasoning, and the text that no delta had."""
        self.is_over = True
        self._id = self._id or _text(item, "id")
        for source in ("summary", "content"):
            for section, part in enumerate(_objects(item.get(source) or self._begun.get(source))):
                if text := _text(part, "text"):
                    self._show_missing(source, section, text)
        encrypted = _text(item, "encrypted_content")
        if encrypted and not self._has_encrypted:
            self._has_encrypted = True
            first = self._block < 0
            redacted = encrypted.encode(errors="replace")
            self._pieces.add(ReasoningPiece(self._place(), redacted=redacted, id=self._id if first else ""))

    def _show_missing(self, source: str, section: int, text: str) -> None:
        if section > self._section:
            self._show(source, section, text)

    def _show(self, source: str, section: int, text: str) -> None:
        if source != (self._source or source):
            return
        if self._source and section != self._section:
            text = f"\n\n{text}"
        self._source, self._section = source, section
        if self._block < 0 and self._id:
            self._pieces.add(ReasoningPiece(self._place(), id=self._id, text=text))
        else:
            self._pieces.add_delta(ReasoningPiece, self._place(), text)

    def _place(self) -> int:
        if self._block < 0:
            self._block = self._blocks.next()
        return self._block


class Call:
    """A function call."""

    def __init__(self, pieces: Pieces, blocks: Blocks, ids: CallIds) -> None:
        self.is_over = False
        self._pieces, self._blocks, self._ids = pieces, blocks, ids
        self._block = -1
        """Number of its block; -1 until its name has arrived."""
        self._early: list[str] = []
        """Arguments that arrived before the name."""
        self._announced = ""
        """Arguments that the call had when it began. They count only if no others arrive."""
        self._has_arguments = False

    def begin(self, item: Fields) -> None:
        """Takes the id and the name."""
        self._announced = arguments_text(item.get("arguments")) or self._announced
        if self._block < 0 and (name := _text(item, "name")):
            self._block = self._blocks.next()
            call_id = self._ids.own(_text(item, "call_id") or _text(item, "id"))
            self._pieces.add(CallStarted(self._block, call_id, name))
            for delta in self._early:
                self._pieces.add_delta(CallArguments, self._block, delta)

    def add_delta(self, event: Fields, delta: str) -> None:
        """Takes more of the arguments."""
        del event  # it contains nothing else
        self._has_arguments = True
        if self._block < 0:
            self._early.append(delta)
        else:
            self._pieces.add_delta(CallArguments, self._block, delta)

    def add_whole(self, event: Fields) -> None:
        """Takes the arguments, and the name if it is there."""
        self.begin(event)

    def end(self, item: Fields) -> None:
        """Takes the arguments that no delta had. Raises ProviderProtocol for a call without a name."""
        if self.is_over:
            return
        self.begin(item)
        if self._block < 0:
            raise malformed("a function call has no name")
        if not self._has_arguments and self._announced:
            self.add_delta(item, self._announced)
        self._pieces.add(CallFinished(self._block))
        self.is_over = True


def _section(event: Fields) -> tuple[str, int]:
    """Returns the text, and the section of it, that an event is about."""
    is_summary = "summary" in event["type"]
    return ("summary", _index(event, "summary_index")) if is_summary else ("content", _index(event, "content_index"))


def _objects(value: object) -> Iterator[Fields]:
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _index(event: Fields, name: str) -> int:
    index = event.get(name)
    return index if isinstance(index, int) else 0
