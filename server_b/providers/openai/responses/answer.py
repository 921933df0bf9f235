"""Reads an answer of the Responses API from its bytes as they arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from llm_relay.errors import RelayError
from llm_relay.messages import FinishReason
from server_b.providers.base import Counted, Counting, Ending, Opening, Piece, Text, Working
from server_b.providers.content_pieces import CallStarted, RefusalPiece
from server_b.providers.openai.answer.body import BodyReader
from server_b.providers.openai.answer.usage import usage_from_wire
from server_b.providers.openai.failures.errors import cut_short, malformed
from server_b.providers.openai.failures.failure import Failed
from server_b.providers.openai.responses.response import ResponseSoFar

_WORKING = Working()
_WAITING = Working(has_begun=False)


class ResponseReader:
    """Reads one answer. Raises Failed for an error that the provider reports, or ProviderProtocol."""

    def __init__(self, model: str) -> None:
        """`model` is the requested model, used if the answer names none."""
        self._answer = ResponseSoFar(model)
        self._body = BodyReader(self._answer)
        self._has_output = False
        self._has_refused = False

    @property
    def ended(self) -> bool:
        """Whether the last event has arrived."""
        return self._body.ended or self.has_finish_reason

    @property
    def is_whole(self) -> bool:
        """Whether the answer is one document rather than a stream."""
        return self._body.is_whole

    @property
    def has_finish_reason(self) -> bool:
        """Whether the provider has said why the answer ends."""
        return self._answer.finish_reason is not None

    def read(self, block: bytes) -> Iterator[Piece]:
        """Yields the pieces in `block`, deltas of one kind joined. Raises after yielding what came before a fault."""
        return self._pieces_from(self._body.read, block)

    def end(self) -> Iterator[Piece]:
        """Yields what is left at the end of the body, and the Ending. Raises if the answer is incomplete."""
        yield from self._pieces_from(self._body.end)
        answer = self._answer
        if not answer.opened:
            raise malformed("nothing in the answer is an event of a response")
        if answer.finish_reason is None:
            raise cut_short()
        usage = usage_from_wire(answer.counts, has_text=self._has_output)
        is_refusal = self._has_refused and answer.finish_reason is FinishReason.STOP
        yield Ending(FinishReason.REFUSAL if is_refusal else answer.finish_reason, usage, answer.service_tier)

    def _pieces_from(self, take: Callable[..., None], *block: bytes) -> Iterator[Piece]:
        answer, fault, opened = self._answer, None, self._answer.opened
        try:
            take(*block)
        except (RelayError, Failed) as error:
            if self.is_whole:  # a damaged document is no answer at all
                raise
            fault = error
        if answer.opened and not opened:
            yield Opening(answer.model)
        pieces = answer.output.pieces.taken()
        for piece in pieces:
            self._has_output = self._has_output or isinstance(piece, Text | RefusalPiece | CallStarted)
            self._has_refused = self._has_refused or isinstance(piece, RefusalPiece)
            yield piece
        if not (pieces or fault or self.ended or answer.opened != opened):
            yield _WORKING if answer.opened or answer.signs_of_life else _WAITING
        if fault is not None and not self.has_finish_reason:  # what follows the end is ignored
            if answer.counts is not None:
                yield Counting(self._counted)
            raise fault

    def _counted(self) -> Counted | None:
        """Returns the counts of a response that failed: it had ended."""
        usage = usage_from_wire(self._answer.counts, has_text=self._has_output)
        return None if usage is None else Counted(usage, is_final=True, service_tier=self._answer.service_tier)
