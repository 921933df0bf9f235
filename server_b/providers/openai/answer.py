"""A provider's answer, read from its bytes as they come: a stream of events, or one document, whatever was asked for.

What one read brought is put into as few pieces as possible: there is no object for each token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import orjson

from llm_relay.errors import ProviderProtocol, RelayError
from llm_relay.messages import FinishReason
from server_b.providers.base import Ending, Opening, Piece, Text, Working
from server_b.providers.content_pieces import ReasoningPiece, RefusalPiece
from server_b.providers.http.sse import Event, SseReader
from server_b.providers.json_text import parse
from server_b.providers.openai.blocks import REASONING, REFUSAL, TEXT
from server_b.providers.openai.chunk import AnswerSoFar
from server_b.providers.openai.content import Taken
from server_b.providers.openai.documents import END_MARK, is_complete, is_end_mark, is_sign_of_life
from server_b.providers.openai.errors import cut_short, malformed
from server_b.providers.openai.failure import Failed
from server_b.providers.openai.usage import usage_from_wire
from server_b.providers.surrogates import Surrogates

MAX_DOCUMENT_BYTES = 64 * 2**20
"""The largest whole answer."""
_BLANK = b"\xef\xbb\xbf \t\r\n"
_WORKING = Working()
_WAITING = Working(has_begun=False)


class AnswerReader:
    """Reads one answer. Raises Failed for an error that the provider tells, or ProviderProtocol."""

    def __init__(self, model: str) -> None:
        """`model` is the one asked for, should the answer name none."""
        self.ended = False
        """Whether the end mark has come."""
        self.is_whole = False
        """Whether it came as one document, not as a stream."""
        self._answer = AnswerSoFar(model)
        self._events: SseReader | None = None
        self._document: bytearray | None = None
        self._surrogates = Surrogates()
        self._has_output = False
        self._has_refused = False

    @property
    def has_finish_reason(self) -> bool:
        """Whether the provider has said why the answer ends: only counts and the end mark follow."""
        return self._answer.finish_reason is not None

    def read(self, block: bytes) -> Iterator[Piece]:
        """Yields what `block` says, its texts as one; raises after what came before the fault."""
        return self._said_by(self._take_block, block)

    def end(self) -> Iterator[Piece]:
        """Yields what is left at the end of the body, and the Ending; raises if the answer is not whole."""
        yield from self._said_by(self._take_rest, b"")
        answer = self._answer
        if not answer.chunks:
            raise malformed("nothing in the answer is a chunk of a chat completion")
        if answer.finish_reason is None and not self.ended:
            raise malformed("a whole answer has no finish_reason") if self.is_whole else cut_short()
        if half := self._surrogates.rest():
            yield Text(half, index=answer.blocks.of(TEXT))
        yield from answer.calls.finished()
        usage = usage_from_wire(answer.counts, has_text=self._has_output)
        yield Ending(self._finish_reason(), usage, answer.service_tier)

    def _finish_reason(self) -> FinishReason:
        """Returns why the answer ended; a server may say that it stopped, although it called a tool or refused."""
        reason = self._answer.finish_reason or FinishReason.OTHER
        if reason is FinishReason.STOP and self._answer.calls:
            return FinishReason.TOOL_CALLS
        return FinishReason.REFUSAL if reason is FinishReason.STOP and self._has_refused else reason

    def _said_by(self, take: Callable[[bytes], None], block: bytes) -> Iterator[Piece]:
        answer, fault = self._answer, None
        opened = answer.opened
        try:
            take(block)
        except (RelayError, Failed) as error:
            if self.is_whole:  # no part of it is an answer
                raise
            fault = error
        if answer.opened and not opened:
            yield Opening(answer.model)
        said = answer.said.taken()
        yield from self._pieces(said)
        if not (any(said) or fault or self.has_finish_reason or self.ended or answer.opened != opened):
            yield _WORKING if answer.chunks or answer.signs_of_life else _WAITING
        if fault is not None:
            raise fault

    def _pieces(self, said: Taken) -> Iterator[Piece]:
        texts, reasoning, refusals, calls = said
        blocks = self._answer.blocks
        if reasoning:
            text = self._surrogates.cleaned("".join(reasoning))
            yield ReasoningPiece(blocks.of(REASONING), text, count=len(reasoning))
        if texts:
            self._has_output = True
            if text := self._surrogates.joined("".join(texts)):
                yield Text(text, len(texts), blocks.of(TEXT))
        if refusals:
            self._has_output = self._has_refused = True
            yield RefusalPiece(blocks.of(REFUSAL), self._surrogates.cleaned("".join(refusals)), len(refusals))
        if calls:
            self._has_output = True
            yield from calls

    def _take_block(self, block: bytes) -> None:
        if self._events is not None:
            self._take_events(self._events.read(block))
        elif self._document is not None:
            self._document += block
            if len(self._document) > MAX_DOCUMENT_BYTES:
                raise ProviderProtocol("the provider's answer is too large")
        elif start := block.lstrip(_BLANK):
            self._begin(start)

    def _begin(self, start: bytes) -> None:
        if start.startswith(b"<"):
            raise malformed("the answer is a page of HTML: is OPENAI_BASE_URL the provider's address?")
        if start.startswith((b"{", b"[")):
            self._document = bytearray(start)
            return
        self._events = SseReader(is_complete)
        self._take_events(self._events.read(start))

    def _take_rest(self, _: bytes) -> None:
        if self._events is not None:
            self._take_events(self._events.end())
        elif self._document is not None and not self._take_whole(bytes(self._document)):
            # Not one document: perhaps one a line.
            self._events = SseReader(is_complete)
            self._take_events(self._events.read(bytes(self._document)))
            self._take_events(self._events.end())

    def _take_whole(self, body: bytes) -> bool:
        """Takes one document, with or without the end mark behind it; returns whether it is that."""
        body, ended = body.rstrip(), False
        if body.endswith((b"data: " + END_MARK, b"data:" + END_MARK)):
            body, ended = body[: body.rindex(b"data:")], True
        try:
            document = parse(body)
        except ValueError:
            return False
        self.is_whole, self.ended = True, ended
        self._take(document)
        return True

    def _take_events(self, events: Iterable[Event]) -> None:
        """Takes events until the end mark: what follows it is not looked at, be it damaged or not."""
        if self.ended:
            return
        take = self._answer.take
        for name, data in events:
            if not name:  # as most are
                try:
                    document = orjson.loads(data)
                except orjson.JSONDecodeError:
                    pass
                else:
                    if document.__class__ is dict:
                        take(document)
                        continue
            if self._take_event(name, data):
                self.ended = True
                return

    def _take_event(self, name: str, data: bytes) -> bool:
        """Takes one event; returns whether it is the end mark."""
        if is_end_mark(data):
            return True
        is_error = "error" in name.lower()
        if not is_error and (is_sign_of_life(data) or (name and is_sign_of_life(name))):
            self._answer.signs_of_life += 1
            return False
        try:
            document = parse(data)
        except ValueError as error:
            if is_error:
                self._answer.fail({"error": data.decode(errors="replace") or name})
            raise malformed("an event of the stream is not JSON") from error
        if is_error:
            self._answer.fail(document)
        if document is not None:
            self._take(document)
        return False

    def _take(self, document: object) -> None:
        for one in document if isinstance(document, list) else (document,):
            self._answer.take(one)
