"""Turns the blocks of an answer into pieces, as few as possible for the data of one read.

Bedrock identifies blocks by contentBlockIndex. We number them in the order in which they begin.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from llm_relay.errors import ProviderProtocol
from server_b.providers.base import Piece, Text
from server_b.providers.content_pieces import CallArguments, CallFinished, CallStarted, ReasoningPiece
from server_b.providers.parsing.call_ids import CallIds
from server_b.providers.parsing.json_text import arguments_text
from server_b.providers.parsing.surrogates import Surrogates

_Run: TypeAlias = type[Text] | type[ReasoningPiece] | type[CallArguments]
"""The kind of piece that neighbouring texts are joined into."""


@dataclass(slots=True)
class _Call:
    """A call that has not ended."""

    block: int
    surrogates: Surrogates = field(default_factory=Surrogates)


class AnswerBlocks:
    """Follows the blocks of one answer. All methods raise ProviderProtocol for malformed events."""

    def __init__(self) -> None:
        self.any = False
        """Whether the model has written anything."""
        self.any_calls = False
        """Whether the model has called a tool."""
        self._pieces: list[Piece] = []
        self._begun = 0
        self._numbers: dict[tuple[object, _Run], int] = {}
        self._calls: dict[object, _Call] = {}
        self._call_ids = CallIds()
        self._surrogates: dict[_Run, Surrogates] = {Text: Surrogates(), ReasoningPiece: Surrogates()}
        # Neighbouring texts of one block.
        self._texts: list[str] = []
        self._run: _Run = Text
        self._block = 0
        self._index: object = None

    def begin(self, event: Mapping[str, Any]) -> None:
        """Takes a contentBlockStart, which has content only for tool calls."""
        match event.get("start"):
            case {"toolUse": call}:
                self._begin_call(_index(event), call)
            case _:
                pass

    def add(self, event: Mapping[str, Any]) -> None:
        """Takes a contentBlockDelta. Unknown content is skipped."""
        delta = event.get("delta")
        if not isinstance(delta, dict):
            raise _malformed()
        if "text" in delta:
            self._add_text(Text, _index(event), delta["text"])
        elif "toolUse" in delta:
            self._add_arguments(_index(event), delta["toolUse"])
        elif isinstance(reasoning := delta.get("reasoningContent"), dict):
            self._add_reasoning(_index(event), reasoning)

    def end(self, event: Mapping[str, Any]) -> None:
        """Takes a contentBlockStop."""
        self._end_call(_index(event))

    def end_all(self) -> None:
        """Takes the end of the answer."""
        for index in [*self._calls]:
            self._end_call(index)
        self._flush()
        for run in (ReasoningPiece, Text):
            if rest := self._surrogates[run].rest():
                self._switch(run, self._number(self._last_index(run), run))
                self._texts.append(rest)

    def add_whole(self, index: int, block: Mapping[str, Any]) -> None:
        """Takes a block of a whole answer."""
        match block:
            case {"text": text}:
                self._add_text(Text, index, text)
            case {"toolUse": dict(call)}:
                self._begin_call(index, call)
                self._add_arguments(index, {"input": arguments_text(call.get("input")) or "{}"})
                self._end_call(index)
            case {"toolUse": _}:
                raise _malformed()
            case {"reasoningContent": {"reasoningText": dict(reasoning)} | dict(reasoning)}:
                self._add_reasoning(index, reasoning)
            case {"citationsContent": {"content": list(cited)}}:
                for one in cited:
                    if isinstance(one, dict) and "text" in one:
                        self._add_text(Text, index, one["text"])
            case _:
                pass

    def take(self) -> list[Piece]:
        """Returns the pieces since the last call."""
        self._flush()
        if not self._pieces:
            return self._pieces
        pieces, self._pieces = self._pieces, []
        return pieces

    def _begin_call(self, index: object, begun: object) -> None:
        call_id, name = (begun.get("toolUseId"), begun.get("name")) if isinstance(begun, dict) else (None, None)
        if not (isinstance(call_id, str) and call_id and isinstance(name, str) and name):
            raise _malformed()
        self._end_call(index)
        self._flush()
        self._calls[index] = call = _Call(self._next())
        cleaned = call.surrogates.cleaned
        self._pieces.append(CallStarted(call.block, self._call_ids.own(cleaned(call_id)), cleaned(name)))
        self.any = self.any_calls = True

    def _add_arguments(self, index: object, delta: object) -> None:
        call = self._calls.get(index)
        if call is None or not isinstance(delta, dict) or not isinstance(arguments := delta.get("input", ""), str):
            raise _malformed()
        if arguments := call.surrogates.joined(arguments):
            self._switch(CallArguments, call.block)
            self._texts.append(arguments)

    def _end_call(self, index: object) -> None:
        call = self._calls.pop(index, None)
        if call is None:
            return
        if rest := call.surrogates.rest():
            self._switch(CallArguments, call.block)
            self._texts.append(rest)
        self._flush()
        self._pieces.append(CallFinished(call.block))

    def _add_reasoning(self, index: object, reasoning: Mapping[str, Any]) -> None:
        if "text" in reasoning:
            self._add_text(ReasoningPiece, index, reasoning["text"])
        signature, redacted = reasoning.get("signature", ""), reasoning.get("redactedContent", "")
        if not isinstance(signature, str) or not isinstance(redacted, str):
            raise _malformed()
        if signature or redacted:
            self._flush()
            block = self._number(index, ReasoningPiece)
            signed = signature.encode(errors="replace")
            self._pieces.append(ReasoningPiece(block, signature=signed, redacted=_bytes(redacted)))
            self.any = True

    def _add_text(self, run: _Run, index: object, text: object) -> None:
        if not isinstance(text, str):
            raise _malformed()
        if not text:
            return
        if index != self._index or run is not self._run:
            self._switch(run, self._number(index, run))
            self._index = index
        self._texts.append(text)
        self.any = True

    def _number(self, index: object, run: _Run) -> int:
        """Returns our number of a block; a new number if the block begins."""
        number = self._numbers.get((index, run))
        if number is None:
            number = self._numbers[index, run] = self._next()
        return number

    def _last_index(self, run: _Run) -> object:
        return [index for index, kind in self._numbers if kind is run][-1]

    def _next(self) -> int:
        self._begun += 1
        return self._begun - 1

    def _switch(self, run: _Run, block: int) -> None:
        if block != self._block or run is not self._run:
            self._flush()
            self._run, self._block = run, block
            self._index = None

    def _flush(self) -> None:
        """Makes one piece of the texts that have gathered. Half of a character waits for its other half."""
        if not self._texts:
            return
        text, count = "".join(self._texts), len(self._texts)
        self._texts.clear()
        if self._run is CallArguments:
            self._pieces.append(CallArguments(self._block, text, count))
        elif text := self._surrogates[self._run].joined(text):
            is_text = self._run is Text
            piece = Text(text, count, self._block) if is_text else ReasoningPiece(self._block, text, count=count)
            self._pieces.append(piece)


def _index(event: Mapping[str, Any]) -> int:
    index = event.get("contentBlockIndex", 0)
    if not isinstance(index, int):
        raise _malformed()
    return index


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed() from error


def _malformed() -> ProviderProtocol:
    return ProviderProtocol("the provider's answer is malformed")
