"""The bytes that Bedrock sends: events and exceptions of a stream, whole answers, and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.field.provider import Step
from tests.field.wire import chunked, compact, head, whole
from tests.standins import eventstream

USAGE: Mapping[str, Any] = {"inputTokens": 8, "outputTokens": 3, "totalTokens": 11}


def event(kind: str, document: object) -> bytes:
    """Frames one event; bytes are used as the payload unchanged."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return eventstream.message(headers, document if isinstance(document, bytes) else compact(document))


def exception(kind: str, document: object) -> bytes:
    """Frames an exception that the service model defines."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return eventstream.message(headers, compact(document))


def failure(code: str, message: str) -> bytes:
    """Frames an error that the service model does not define."""
    return eventstream.message({":error-code": code, ":error-message": message, ":message-type": "error"}, b"")


def text(content: str, index: int = 0) -> bytes:
    return delta({"text": content}, index)


def delta(content: object, index: int = 0) -> bytes:
    return event("contentBlockDelta", {"contentBlockIndex": index, "delta": content, "p": "abc"})


def stop(reason: object = "end_turn") -> bytes:
    return event("messageStop", {"stopReason": reason, "p": "ab"})


def metadata(usage: object = USAGE) -> bytes:
    return event("metadata", {"usage": usage, "metrics": {"latencyMs": 1}, "p": "ab"})


START = event("messageStart", {"role": "assistant", "p": "a"})
BLOCK_END = event("contentBlockStop", {"contentBlockIndex": 0, "p": "abcd"})
HELLO = START + text("Hel") + text("lo")
END = BLOCK_END + stop() + metadata()
GOOD = HELLO + END
"""`Hello`, finish `stop`, usage 8 and 3."""


def stream(*parts: bytes, last: bytes = b"0\r\n\r\n", then: tuple[Step, ...] = ()) -> tuple[Step, ...]:
    """Answers with an event stream, one chunk for each part; `then` follows."""
    return (head(200, eventstream.CONTENT_TYPE, "Transfer-Encoding: chunked"), chunked(*parts, last=last), *then)


def refusal(code: str, message: str, status: int = 400, *lines: str) -> tuple[bytes, ...]:
    """Answers with one of the service's exceptions."""
    return whole({"message": message}, status, lines=[f"x-amzn-ErrorType: {code}", *lines])


def message(content: object, stop_reason: str = "end_turn", usage: object = USAGE) -> dict[str, object]:
    """Makes the whole answer of Converse."""
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop_reason,
        "usage": usage,
        "metrics": {"latencyMs": 1},
    }
