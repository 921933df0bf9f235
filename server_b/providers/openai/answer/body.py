"""Reads the body of an answer: a stream of events or one document, whichever was requested."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import orjson

from llm_relay.errors import ProviderProtocol
from server_b.providers.http.sse import Event, SseReader
from server_b.providers.openai.event_data import END_MARK, is_complete, is_end_mark, is_sign_of_life
from server_b.providers.openai.failures.errors import malformed
from server_b.providers.parsing.json_text import parse

MAX_DOCUMENT_BYTES = 64 * 2**20
"""Size of the largest whole answer."""
_BLANK = b"\xef\xbb\xbf \t\r\n"
_USUAL_NAMES = "response."
"""Prefix of event names that only repeat what the event's document says."""


class Documents(Protocol):
    """Receives the documents of an answer one by one. Raises Failed or ProviderProtocol."""

    signs_of_life: int
    """Number of events that only said that the server is alive."""

    def take(self, document: object) -> None:
        """Takes a document."""
        ...

    def fail(self, document: object) -> None:
        """Takes a document or a text that reports a failure."""
        ...


class BodyReader:
    """Finds the documents in one answer's bytes. Raises what their receiver raises, or ProviderProtocol."""

    def __init__(self, answer: Documents) -> None:
        """`answer` receives the documents."""
        self.ended = False
        """Whether the end mark has arrived."""
        self.is_whole = False
        """Whether the answer is one document rather than a stream."""
        self._answer = answer
        self._events: SseReader | None = None
        self._document: bytearray | None = None

    def read(self, block: bytes) -> None:
        """Takes the next part of the body."""
        if self._events is not None:
            self._take_events(self._events.read(block))
        elif self._document is not None:
            self._document += block
            if len(self._document) > MAX_DOCUMENT_BYTES:
                raise ProviderProtocol("the provider's answer is too large")
        elif start := block.lstrip(_BLANK):
            self._begin(start)

    def end(self) -> None:
        """Takes what is left at the end of the body."""
        if self._events is not None:
            self._take_events(self._events.end())
        elif self._document is not None and not self._take_whole(bytes(self._document)):
            # It is not one document; perhaps there is one on each line.
            self._events = SseReader(is_complete)
            self._take_events(self._events.read(bytes(self._document)))
            self._take_events(self._events.end())

    def _begin(self, start: bytes) -> None:
        if start.startswith(b"<"):
            raise malformed("the answer is a page of HTML: is OPENAI_BASE_URL the provider's address?")
        if start.startswith((b"{", b"[")):
            self._document = bytearray(start)
            return
        self._events = SseReader(is_complete)
        self._take_events(self._events.read(start))

    def _take_whole(self, body: bytes) -> bool:
        """Takes a body that is one document, with or without an end mark after it. Returns whether it is one."""
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
        """Takes events until the end mark. What follows the end mark is ignored, even if it is damaged."""
        if self.ended:
            return
        take = self._answer.take
        for name, data in events:
            if data != END_MARK and (not name or name.startswith(_USUAL_NAMES)):
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
        """Takes one event. Returns whether it is the end mark."""
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
        if document not in (None, ""):  # some servers send an empty value as a sign of life
            self._take(document)
        return False

    def _take(self, document: object) -> None:
        for one in document if isinstance(document, list) else (document,):
            self._answer.take(one)
