"""The bytes that OpenAI-compatible servers send: events, whole answers, errors, and the heads before them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tests.field.provider import Step

CHUNK_HEAD: Mapping[str, Any] = {"id": "c1", "object": "chat.completion.chunk", "model": "m"}
WHOLE_HEAD: Mapping[str, Any] = {"id": "c1", "object": "chat.completion", "model": "m"}
EVENT_STREAM = "text/event-stream"
JSON = "application/json"
BOM = b"\xef\xbb\xbf"

USAGE: Mapping[str, Any] = {"prompt_tokens": 8, "completion_tokens": 3, "total_tokens": 11}


def compact(document: object) -> bytes:
    """Writes JSON without spaces, in ASCII."""
    return json.dumps(document, separators=(",", ":")).encode()


def event(document: object, end: bytes = b"\n\n") -> bytes:
    """Writes one event whose data is a JSON document, or these bytes."""
    return b"data: " + (document if isinstance(document, bytes) else compact(document)) + end


def chunk(delta: object, finish: object = None, **more: Any) -> dict[str, Any]:
    """Makes a chunk with one choice; `more` are members of the chunk."""
    return {**CHUNK_HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def text(content: object, **more: Any) -> bytes:
    """Writes an event with a piece of text."""
    return event(chunk({"content": content}, **more))


def finish(reason: object = "stop", **more: Any) -> bytes:
    """Writes the event with the finish reason."""
    return event(chunk({}, reason, **more))


def usage_event(usage: object = USAGE) -> bytes:
    """Writes the event that contains only the usage."""
    return event({**CHUNK_HEAD, "choices": [], "usage": usage})


DONE = b"data: [DONE]\n\n"
ROLE = event(chunk({"role": "assistant", "content": ""}))
HELLO = text("Hel") + text("lo")
END = finish() + usage_event() + DONE
GOOD = HELLO + END
"""`Hello`, finish `stop`, usage 8 and 3."""


def completion(
    content: object = "Hello", finish: object = "stop", usage: object = USAGE, **more: Any
) -> dict[str, Any]:
    """Makes a whole answer; `more` are members of the document."""
    message = {"role": "assistant", "content": content}
    return with_choice({"index": 0, "message": message, "finish_reason": finish}, usage=usage, **more)


def with_choice(choice: object, usage: object = USAGE, **more: Any) -> dict[str, Any]:
    """Makes a whole answer with one choice."""
    return {**WHOLE_HEAD, "choices": [choice], "usage": usage, **more}


def head(status: int | str = 200, content_type: str = "", *lines: str, version: str = "1.1") -> bytes:
    """Writes the head of an answer after which the connection is closed."""
    typed = [f"Content-Type: {content_type}"] if content_type else []
    first = f"HTTP/{version} {status} Any" if isinstance(status, int) else f"HTTP/{version} {status}"
    return "\r\n".join([first, *typed, "Connection: close", *lines, "", ""]).encode("latin-1")


def stream(*parts: Step, content_type: str = EVENT_STREAM, lines: Iterable[str] = ()) -> tuple[Step, ...]:
    """Answers with an event stream that ends when the connection closes; each part is its own segment."""
    return (head(200, content_type, *lines), *parts)


def whole(
    document: object, status: int | str = 200, content_type: str = JSON, lines: Iterable[str] = ()
) -> tuple[bytes, ...]:
    """Answers with a JSON document, or with these bytes, and the right content-length."""
    body = document if isinstance(document, bytes) else compact(document)
    return (head(status, content_type, f"Content-Length: {len(body)}", *lines) + body,)


def chunked(*parts: bytes, last: bytes = b"0\r\n\r\n") -> bytes:
    """Writes a chunked body, one chunk for each part."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part) + last


def in_chunks(*parts: bytes, content_type: str = EVENT_STREAM, lines: Iterable[str] = ()) -> tuple[bytes, ...]:
    """Answers with a chunked stream."""
    return (head(200, content_type, "Transfer-Encoding: chunked", *lines), chunked(*parts))


def byte_by_byte(data: bytes) -> tuple[bytes, ...]:
    """Makes a segment of each byte."""
    return tuple(data[at : at + 1] for at in range(len(data)))


def error(message: str = "x", kind: object = None, code: object = None, **more: Any) -> dict[str, Any]:
    """Makes OpenAI's error document."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code} | more}
