"""What OpenAI answers, whole or as server-sent events, read from its bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from llm_relay.errors import ProviderProtocol, RelayError
from llm_relay.messages import Accuracy, FinishReason, Usage
from server_b.providers.base import Completion, Ending, Opening, Piece, Text, Working
from server_b.providers.openai.errors import error_from_wire

MAX_EVENT_BYTES = 64 * 2**20
"""The largest event of a stream."""
MAX_COUNT = 2**53
END_MARK = b"[DONE]"
FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
}


class EventSplitter:
    """Splits a stream of server-sent events, which may be cut anywhere, into the data of each.

    Lines end in LF or CRLF; other fields than `data`, and comments, are skipped. White space around the data,
    which JSON allows, is left.
    https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._data: list[bytes] = []

    def split(self, block: bytes) -> list[bytes]:
        """Returns the data of the events that `block` completes; raises ProviderProtocol for one without end."""
        end = block.rfind(b"\n") + 1
        lines: list[bytes] = []
        if end:
            lines = (bytes(self._rest) + block[:end]).split(b"\n")[:-1]
            self._rest.clear()
        self._rest += block[end:]
        if len(self._rest) > MAX_EVENT_BYTES:
            raise ProviderProtocol("an event of the provider's stream is too large")
        return list(self._events(lines))

    def _events(self, lines: list[bytes]) -> Iterator[bytes]:
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:])
            elif self._data and not line.rstrip(b"\r"):
                yield b"\n".join(self._data)
                self._data.clear()


class StreamReader:
    """Follows one stream of events: what it says is put into as few pieces as the blocks allow."""

    def __init__(self, model: str) -> None:
        """`model` is the one asked for, should the stream name none."""
        self.complete = False
        """Whether the end mark has come."""
        self._model = model
        self._splitter = EventSplitter()
        self._opened = False
        self._finish_reason: FinishReason | None = None
        self._usage: Usage | None = None

    @property
    def ending(self) -> Ending | None:
        """The provider's own end; None while there is none."""
        return Ending(self._finish_reason, self._usage) if self._finish_reason else None

    def read(self, block: bytes) -> Iterator[Piece]:
        """Yields what `block` says, its texts as one; raises a RelayError after what came before the fault."""
        texts: list[str] = []
        failure: RelayError | None = None
        opened = self._opened
        try:
            self._take_all(block, texts)
        except RelayError as error:
            failure = error
        if self._opened and not opened:
            yield Opening(self._model)
        if texts:
            yield Text("".join(texts), len(texts))
        elif self._opened == opened and self._finish_reason is None and not self.complete:
            yield Working()
        if failure is not None:
            raise failure

    def _take_all(self, block: bytes, texts: list[str]) -> None:
        for data in self._splitter.split(block):
            if data.strip() == END_MARK:
                self.complete = True
                return
            if text := self._take(_document(data)):
                texts.append(text)

    def _take(self, document: dict[str, Any]) -> str:
        choice = _choice(document)
        if not self._opened and (choice or document.get("model")):
            self._opened = True
            self._model = _model(document, self._model)
        if document.get("usage"):
            self._usage = _usage(document["usage"])
        if choice is None:
            return ""
        self._finish_reason = _finish_reason(choice) or self._finish_reason
        return _text(choice.get("delta"))


def completion_from_wire(body: bytes, model: str) -> Completion:
    """Reads a whole answer to a question to `model`; raises a RelayError if it is an error, malformed or unfinished."""
    document = _document(body)
    choice = _choice(document)
    finish_reason = _finish_reason(choice) if choice else None
    if choice is None or finish_reason is None:
        raise ProviderProtocol("the provider's answer has no finish_reason")
    return Completion(
        text=_text(choice.get("message")),
        model=_model(document, model),
        finish_reason=finish_reason,
        usage=_usage(document.get("usage")),
    )


def model_names_from_wire(body: bytes) -> set[str]:
    """Reads the list of models; raises ProviderProtocol if it is malformed."""
    models = _document(body).get("data")
    if not isinstance(models, list):
        raise _malformed()
    names = {model.get("id") for model in models if isinstance(model, dict)}
    return {name for name in names if isinstance(name, str)}


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _malformed() from error
    if not isinstance(document, dict):
        raise _malformed()
    if document.get("error"):
        raise error_from_wire(document["error"])
    return document


def _malformed() -> ProviderProtocol:
    return ProviderProtocol("the provider's answer is malformed")


def _choice(document: dict[str, Any]) -> dict[str, Any] | None:
    choices = document.get("choices")
    if not choices:
        return None
    if not isinstance(choices, list) or not isinstance(choices[0], dict):
        raise _malformed()
    return choices[0]


def _model(document: dict[str, Any], asked: str) -> str:
    model = document.get("model")
    return model if isinstance(model, str) and model else asked


def _finish_reason(choice: dict[str, Any]) -> FinishReason | None:
    reason = choice.get("finish_reason")
    if not reason:
        return None
    if not isinstance(reason, str):
        raise _malformed()
    return FINISH_REASONS.get(reason, FinishReason.OTHER)


def _text(message: object) -> str:
    """The text of a message or a delta: what the model says, or says instead of an answer."""
    if message is None:
        return ""
    if not isinstance(message, dict):
        raise _malformed()
    content, refusal = message.get("content") or "", message.get("refusal") or ""
    if not isinstance(content, str) or not isinstance(refusal, str):
        raise _malformed()
    return content + refusal


def _usage(counts: object) -> Usage | None:
    """The contract's usage: OpenAI's prompt_tokens include cached ones, its completion_tokens reasoning."""
    input_tokens, output_tokens = _count(counts, "prompt_tokens"), _count(counts, "completion_tokens")
    if not isinstance(counts, dict) or (input_tokens is None and output_tokens is None):
        return None
    prompt_details, completion_details = counts.get("prompt_tokens_details"), counts.get("completion_tokens_details")
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=_count(prompt_details, "cached_tokens"),
        cache_write_tokens=_count(prompt_details, "cache_write_tokens"),
        reasoning_tokens=_count(completion_details, "reasoning_tokens"),
        accuracy=Accuracy.EXACT,
    )


def _count(counts: object, name: str) -> int | None:
    number = counts.get(name) if isinstance(counts, dict) else None
    return number if type(number) is int and 0 <= number < MAX_COUNT else None
