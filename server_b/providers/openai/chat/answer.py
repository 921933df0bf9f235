"""Reads a chat completion from its bytes as they arrive.

The data of one read becomes as few pieces as possible: there is no object for each token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from llm_relay.errors import RelayError
from llm_relay.messages import FinishReason
from server_b.providers.base import Counted, Counting, Ending, Opening, Piece, Text, Working
from server_b.providers.content_pieces import ReasoningPiece, RefusalPiece
from server_b.providers.openai.answer.block_places import REASONING, REFUSAL, TEXT
from server_b.providers.openai.answer.body import BodyReader
from server_b.providers.openai.answer.usage import usage_from_wire
from server_b.providers.openai.chat.answer_so_far import AnswerSoFar
from server_b.providers.openai.chat.content import Taken
from server_b.providers.openai.chat.tool_calls import joined_arguments
from server_b.providers.openai.failures.errors import cut_short, malformed
from server_b.providers.openai.failures.failure import Failed
from server_b.providers.parsing.surrogates import Surrogates

_WORKING = Working()
_WAITING = Working(has_begun=False)


class AnswerReader:
    """Reads one answer. Raises Failed for an error that the provider reports, or ProviderProtocol."""

    def __init__(self, model: str) -> None:
        """`model` is the requested model, used if the answer names none."""
        self._answer = AnswerSoFar(model)
        self._body = BodyReader(self._answer)
        self._surrogates = Surrogates()
        self._reasoning_surrogates = Surrogates()
        self._refusal_surrogates = Surrogates()
        self._has_output = False
        self._has_refused = False
        self._has_counting = False

    @property
    def ended(self) -> bool:
        """Whether the end mark has arrived."""
        return self._body.ended

    @property
    def is_whole(self) -> bool:
        """Whether the answer is one document rather than a stream."""
        return self._body.is_whole

    @property
    def has_finish_reason(self) -> bool:
        """Whether the provider has said why the answer ends. After that, only counts and the end mark follow."""
        return self._answer.finish_reason is not None

    def read(self, block: bytes) -> Iterator[Piece]:
        """Yields the pieces in `block`, with its texts joined. Raises after yielding what came before a fault."""
        return self._pieces_from(self._body.read, block)

    def end(self) -> Iterator[Piece]:
        """Yields what is left at the end of the body, and the Ending. Raises if the answer is incomplete."""
        yield from self._pieces_from(self._body.end)
        answer = self._answer
        if not answer.chunks:
            raise malformed("nothing in the answer is a chunk of a chat completion")
        if answer.finish_reason is None and not self.ended:
            raise malformed("a whole answer has no finish_reason") if self.is_whole else cut_short()
        if half := self._surrogates.rest():
            yield Text(half, index=answer.blocks.of(TEXT))
        if half := self._reasoning_surrogates.rest():
            yield ReasoningPiece(answer.blocks.of(REASONING), half)
        if half := self._refusal_surrogates.rest():
            yield RefusalPiece(answer.blocks.of(REFUSAL), half)
        yield from answer.calls.finished()
        usage = usage_from_wire(answer.counts, has_text=self._has_output)
        if not answer.are_counts_current:  # they are not those of the end
            yield from self._counting()
            usage = None
        yield Ending(self._finish_reason(), usage, answer.service_tier)

    def _finish_reason(self) -> FinishReason:
        """Returns why the answer ended.

        A server may report `stop`, or only the end mark, although the model called a tool or refused.
        """
        reason = self._answer.finish_reason
        if reason in (None, FinishReason.STOP):
            if self._answer.calls:
                return FinishReason.TOOL_CALLS
            if self._has_refused:
                return FinishReason.REFUSAL
        return reason or FinishReason.OTHER

    def _pieces_from(self, take: Callable[..., None], *block: bytes) -> Iterator[Piece]:
        answer, fault = self._answer, None
        opened = answer.opened
        try:
            take(*block)
        except (RelayError, Failed) as error:
            if self.is_whole:  # a damaged document is no answer at all
                yield from self._counting()
                raise
            fault = error
        if answer.opened and not opened:
            yield Opening(answer.model)
        taken = answer.taken()
        yield from self._pieces(taken)
        if not (any(taken) or fault or self.has_finish_reason or self.ended or answer.opened != opened):
            yield _WORKING if answer.chunks or answer.signs_of_life else _WAITING
        if answer.counts is not None and not (self._has_counting or self.ended or self.is_whole):
            yield from self._counting()
        if fault is not None:
            raise fault

    def _counting(self) -> Iterator[Counting]:
        """Yields the Counting, once: more of the body may follow, but may never arrive."""
        if self._answer.counts is not None and not self._has_counting:
            self._has_counting = True
            yield Counting(self._counted)

    def _counted(self) -> Counted | None:
        answer = self._answer
        usage = usage_from_wire(answer.counts, has_text=self._has_output)
        if usage is None:
            return None
        return Counted(
            usage,
            is_final=answer.has_final_counts,
            is_current=answer.are_counts_current,
            service_tier=answer.service_tier,
        )

    def _pieces(self, taken: Taken) -> Iterable[Piece]:
        """Returns the pieces of one read, in the order in which their blocks began."""
        if taken[-1]:
            calls = joined_arguments(taken[-1])
            return sorted((*self._plain_pieces(taken), *calls), key=lambda piece: piece.index)
        return self._plain_pieces(taken)

    def _plain_pieces(self, taken: Taken) -> Iterator[ReasoningPiece | Text | RefusalPiece]:
        texts, reasoning, refusals, calls = taken
        blocks = self._answer.blocks
        self._has_output = self._has_output or bool(calls)
        if reasoning and (text := self._reasoning_surrogates.joined("".join(reasoning))):
            yield ReasoningPiece(blocks.of(REASONING), text, count=len(reasoning))
        if texts:
            self._has_output = True
            if text := self._surrogates.joined("".join(texts)):
                yield Text(text, len(texts), blocks.of(TEXT))
        if refusals:
            self._has_output = self._has_refused = True
            if text := self._refusal_surrogates.joined("".join(refusals)):
                yield RefusalPiece(blocks.of(REFUSAL), text, len(refusals))
