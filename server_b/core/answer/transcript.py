"""The deltas of an answer so far, for readers that each read at their own pace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from llm_relay.messages import (
    Delta,
    OutputDelta,
    ReasoningDelta,
    RefusalDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
)
from server_b.core.answer.deltas import delta_bytes, joined
from server_b.providers.content_pieces import (
    CallArguments,
    CallFinished,
    CallStarted,
    ContentPiece,
    ReasoningPiece,
    RefusalPiece,
)

JOIN_AT = 256
"""How many small deltas may gather before those that every reader has taken are joined."""


@dataclass(slots=True)
class _OpenCall:
    """A tool call that has not ended."""

    id: str
    name: str
    arguments: list[str] = field(default_factory=list)


class Transcript:
    """Deltas in order of their numbers. Few objects are kept: old ones are joined."""

    __slots__ = ("_calls", "_deltas", "_first_loose", "added_bytes", "bytes", "sequence")

    def __init__(self, deltas: Sequence[OutputDelta] = ()) -> None:
        self._deltas = list(deltas)
        self._first_loose = len(self._deltas)
        self._calls: dict[int, _OpenCall] = {}
        self.bytes = sum(delta_bytes(delta) for delta in self._deltas)
        """Memory that the deltas take now."""
        self.added_bytes = self.bytes
        """Memory of everything that was added, before joining."""
        self.sequence = self._deltas[-1].sequence if self._deltas else 1
        """Number of the last delta; before the first delta it is 1, the number of Started."""

    def add(self, text: str, count: int = 1, index: int = 0) -> None:
        """Adds text of a block that the provider sent in `count` deltas of its own."""
        self.sequence += count
        self._append(Delta(text=text, sequence=self.sequence, index=index))

    def add_content(self, piece: ContentPiece) -> None:
        """Adds a piece that is not text. A tool call that ends without arguments gets one delta `{}`."""
        match piece:
            case CallStarted():
                self.sequence += 1
                self._calls[piece.index] = _OpenCall(piece.id, piece.name)
                self._append(ToolCallStarted(index=piece.index, id=piece.id, name=piece.name, sequence=self.sequence))
            case CallArguments():
                self._add_arguments(piece.index, piece.arguments, piece.count)
            case CallFinished():
                self._finish_call(piece)
            case ReasoningPiece():
                self.sequence += piece.count
                self._append(
                    ReasoningDelta(
                        index=piece.index,
                        text=piece.text,
                        signature=piece.signature,
                        redacted=piece.redacted,
                        id=piece.id,
                        sequence=self.sequence,
                    )
                )
            case RefusalPiece():
                self.sequence += piece.count
                self._append(RefusalDelta(index=piece.index, text=piece.text, sequence=self.sequence))

    def _add_arguments(self, index: int, arguments: str, count: int = 1) -> None:
        self.sequence += count
        self._calls[index].arguments.append(arguments)
        self._append(ToolCallDelta(index=index, arguments=arguments, sequence=self.sequence))

    def _finish_call(self, piece: CallFinished) -> None:
        if not self._calls[piece.index].arguments:
            self._add_arguments(piece.index, "{}")
        self.sequence += 1
        opened = self._calls.pop(piece.index)
        arguments = "".join(opened.arguments)
        call = ToolCall(id=opened.id, name=opened.name, arguments_json=arguments, signature=piece.signature)
        self._append(
            ToolCallFinished(index=piece.index, call=call, arguments_valid=call.arguments_valid, sequence=self.sequence)
        )

    def _append(self, delta: OutputDelta) -> None:
        self._deltas.append(delta)
        self.bytes += (size := delta_bytes(delta))
        self.added_bytes += size

    def after(self, sequence: int) -> list[OutputDelta]:
        """Returns the deltas after that number, joined where possible."""
        first = len(self._deltas)
        while first and self._deltas[first - 1].sequence > sequence:
            first -= 1
        return joined(self._deltas[first:])

    @property
    def deltas(self) -> tuple[OutputDelta, ...]:
        """All deltas, joined where possible."""
        return tuple(joined(self._deltas))

    @property
    def text(self) -> str:
        """All of the text."""
        return "".join([delta.text for delta in self._deltas if isinstance(delta, Delta)])

    @property
    def reasoning(self) -> str:
        """All of the reasoning."""
        return "".join([delta.text for delta in self._deltas if isinstance(delta, ReasoningDelta)])

    @property
    def written(self) -> str:
        """Everything that the model wrote besides reasoning: text, refusals and tool calls."""
        return "".join(self._written())

    def _written(self) -> Iterator[str]:
        for delta in self._deltas:
            match delta:
                case Delta() | RefusalDelta():
                    yield delta.text
                case ToolCallDelta():
                    yield delta.arguments
                case ToolCallStarted():
                    yield delta.name
                case _:
                    continue

    @property
    def is_scattered(self) -> bool:
        """Whether so many small deltas have gathered that joining them saves memory."""
        return len(self._deltas) - self._first_loose >= JOIN_AT

    def join_until(self, sequence: int) -> None:
        """Joins the deltas up to that number, all of which every reader must have taken."""
        last = self._first_loose
        while last < len(self._deltas) and self._deltas[last].sequence <= sequence:
            last += 1
        if last - self._first_loose < 2:  # nothing to join
            self._first_loose = last
            return
        loose = self._deltas[self._first_loose : last]
        together = joined(loose)
        self._deltas[self._first_loose : last] = together
        self._first_loose += len(together)
        self.bytes += sum(map(delta_bytes, together)) - sum(map(delta_bytes, loose))

    def clear(self) -> None:
        """Drops the deltas; `sequence` stays."""
        self._deltas.clear()
        self._first_loose = self.bytes = 0
