"""Answers a POST in the form that its Accept header asks for: JSON, server-sent events, or either.

The SDK refuses a POST that does not accept both. Proxies and simple clients send one of them, or none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

JSON = "application/json"
EVENTS = "text/event-stream"
_JSON_RANGES = (JSON, "application/*", "*/*")
_EVENT_RANGES = (EVENTS, "text/*", "*/*")
_EVENT_END = b"\r\n\r\n"
_NO_ANSWER = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"The session ended before the answer"}}'

_NOT_ACCEPTABLE = PlainTextResponse(
    f"this server answers with {JSON} or {EVENTS}, but the Accept header allows neither\n", 406
)


class AnswerInAcceptedForm:
    """Tells the SDK that both forms are accepted, and converts its answer if the client accepts only the other one.

    Errors stay JSON, since clients read those by their status. If neither form is accepted, the answer is a 406.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        accepted = _accepted(", ".join(Headers(scope=scope).getlist("accept")))
        takes_json, takes_events = _takes(accepted, _JSON_RANGES), _takes(accepted, _EVENT_RANGES)
        if scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        if not takes_json and not takes_events:
            await _NOT_ACCEPTABLE(scope, receive, send)
            return
        kept = [(name, value) for name, value in scope["headers"] if name != b"accept"]
        scope = {**scope, "headers": [*kept, (b"accept", f"{JSON}, {EVENTS}".encode())]}
        if not takes_events:
            answer = _AsJson(send)
            await self._app(scope, receive, answer.send)
            await answer.end()
        else:
            await self._app(scope, receive, send if takes_json else _AsEvents(send).send)


def _accepted(header: str) -> dict[str, float]:
    """Returns the media ranges of an Accept header with their weights; a missing header accepts everything."""
    ranges = {}
    for entry in header.lower().split(","):
        media_range, *parameters = (part.strip() for part in entry.split(";"))
        if media_range:
            ranges[media_range] = min((_weight(parameter) for parameter in parameters), default=1.0)
    return ranges or {"*/*": 1.0}


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    return 0.0 if name == "q" and value.strip("0") in ("", ".") else 1.0


def _takes(accepted: dict[str, float], ranges: tuple[str, ...]) -> bool:
    """Returns whether a form is accepted. The most specific range in the header decides."""
    return next((accepted[name] > 0 for name in ranges if name in accepted), False)


class _AsJson:
    """Turns a stream of events into the JSON-RPC answer in it. Other responses pass unchanged."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._unread = bytearray()
        self._has_answered = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_events(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._unread += message.get("body", b"")
            for answer in self._answers():
                await self._answer(answer)

    async def end(self) -> None:
        """Sends an error if the stream has ended without an answer, as when its session was closed."""
        if self._start is not None and not self._has_answered:
            self._start = {**self._start, "status": 500}
            await self._answer(_NO_ANSWER)

    def _answers(self) -> Iterator[bytes]:
        *events, rest = bytes(self._unread).split(_EVENT_END)
        self._unread = bytearray(rest)
        for event in events:
            data = b"".join(
                line.removeprefix(b"data:").strip() for line in event.split(b"\r\n") if line.startswith(b"data:")
            )
            if data and "method" not in json.loads(data):
                yield data

    async def _answer(self, body: bytes) -> None:
        if self._has_answered or self._start is None:
            return
        self._has_answered = True
        await self._send(_with_body_headers(self._start, JSON, len(body)))
        await self._send({"type": "http.response.body", "body": body})


class _AsEvents:
    """Turns a JSON-RPC answer into a stream of one event. Streams and failures pass unchanged."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_json_answer(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                body = b"event: message\r\ndata: " + bytes(self._body) + _EVENT_END
                await self._send(_with_body_headers(self._start, EVENTS, len(body)))
                await self._send({"type": "http.response.body", "body": body})


def _is_events(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("content-type", "").startswith(EVENTS)


def _is_json_answer(message: Message) -> bool:
    content_type = Headers(raw=message["headers"]).get("content-type", "")
    return message["status"] == 200 and content_type.startswith(JSON)


def _with_body_headers(start: Message, content_type: str, length: int) -> Message:
    headers = MutableHeaders(raw=list(start["headers"]))
    headers["content-type"] = content_type
    headers["content-length"] = str(length)
    for name in ("connection", "x-accel-buffering"):
        if name in headers:
            del headers[name]
    return {**start, "headers": headers.raw}
