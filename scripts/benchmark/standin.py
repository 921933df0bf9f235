"""A stand-in provider that uses almost no CPU: OpenAI's chat completions, whole and streamed, as precomputed bytes.

`python -m scripts.benchmark.standin PORT`. It trusts its callers: they send one well-formed request at a time.
"""

from __future__ import annotations

import asyncio
import functools
import json
import sys
import time
from typing import cast

from scripts.benchmark.asked import MARK, Asked
from scripts.benchmark.loop import run

ANSWERED_MODEL = "gpt-4o-mini-2024-07-18"  # has a known price, so that pricing is measured too
TOKENS_A_WRITE = 4
"""Tokens in one write at full speed: as many as fit in one network packet (1,460 bytes)."""

_ABOUT = {"id": "chatcmpl-bench", "created": 1_760_000_000, "model": ANSWERED_MODEL, "system_fingerprint": "fp_bench"}
_WHOLE_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"


def _event(choices: list[object], **more: object) -> bytes:
    """Returns an SSE event in its own HTTP chunk."""
    document = {"object": "chat.completion.chunk", **_ABOUT, "choices": choices, **more}
    line = b"data: %b\n\n" % json.dumps(document, separators=(",", ":")).encode()
    return _http_chunk(line)


def _http_chunk(line: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(line), line)


def _chunk(delta: dict[str, object]) -> bytes:
    return _event([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}])


def _delta(text: str) -> bytes:
    return _chunk({"content": text})


def _fragment(arguments: str) -> bytes:
    """Returns the event for a piece of a tool call's arguments."""
    return _chunk({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]})


def _call() -> bytes:
    """Returns the event that begins a tool call."""
    function = {"name": "write", "arguments": ""}
    return _chunk({"tool_calls": [{"index": 0, "id": "call_bench", "type": "function", "function": function}]})


_ROLE = _chunk({"role": "assistant", "content": ""})
_TOKEN = _delta(f"{MARK.decode()} ")
_FRAGMENT = _fragment(f"{MARK.decode()} ")
_CALL_BEGINS = _call() + _fragment('{"text": "')
_CALL_ENDS = _fragment('"}')


def _usage(tokens: int) -> dict[str, int]:
    return {"prompt_tokens": 12, "completion_tokens": tokens, "total_tokens": 12 + tokens}


@functools.cache
def _end(tokens: int, *, is_call: bool) -> bytes:
    reason = "tool_calls" if is_call else "stop"
    finish = _event([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": reason}])
    if is_call:
        finish = _CALL_ENDS + finish
    return finish + _event([], usage=_usage(tokens)) + _http_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


@functools.cache
def _whole(tokens: int) -> bytes:
    message = {"role": "assistant", "content": f"{MARK.decode()} " * tokens}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    document = {"object": "chat.completion", **_ABOUT, "choices": [choice], "usage": _usage(tokens)}
    body = json.dumps(document).encode()
    return _WHOLE_HEAD % len(body) + body


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._received = b""
        self._answer: Stream | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transport is no subclass

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_length = self._received.find(b"\r\n\r\n") + 4
        if head_length < 4:
            return
        head = self._received[:head_length].lower()
        _, named, value = head.partition(b"content-length:")
        body_length = int(value[: value.index(b"\r")]) if named else 0
        if len(self._received) < head_length + body_length:
            return
        body, self._received = self._received[head_length:], b""
        self._reply(body)

    def _reply(self, body: bytes) -> None:
        try:
            asked = Asked.read(body)
        except ValueError:
            self._transport.write(_BAD_REQUEST)
            return
        if b'"stream":true' in body or b'"stream": true' in body:
            self._answer = Stream(self._loop, self._transport, asked)
        else:
            self._transport.write(_whole(asked.tokens))

    def pause_writing(self) -> None:
        if self._answer is not None:
            self._answer.pause()

    def resume_writing(self) -> None:
        if self._answer is not None:
            self._answer.resume()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002  as asyncio calls it
        if self._answer is not None:
            self._answer.stop()


class Stream:
    """A streamed answer in progress: a write in each pass of the loop, or one token per interval."""

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, asked: Asked) -> None:
        self._loop, self._transport, self._asked = loop, transport, asked
        self._left = asked.tokens
        self._token, self._end = _FRAGMENT if asked.is_call else _TOKEN, _end(asked.tokens, is_call=asked.is_call)
        self._tokens = self._token * TOKENS_A_WRITE
        self._asked_at_ns = time.monotonic_ns()
        self._is_paused = False
        self._next: asyncio.Handle | None = None
        if asked.delay_ms:
            self._next = loop.call_later(asked.delay_ms / 1000, self._first)
        else:
            self._first()

    def pause(self) -> None:
        """Stops writing until `resume`."""
        self._is_paused = True

    def resume(self) -> None:
        """Continues after `pause`."""
        self._is_paused = False
        if self._next is None:
            self._more()

    def stop(self) -> None:
        """Drops the answer."""
        self._is_paused = True
        if self._next is not None:
            self._next.cancel()

    def _first(self) -> None:
        own_delay_ns = time.monotonic_ns() - self._asked_at_ns
        self._left -= 1
        first = f"{MARK.decode()} after {own_delay_ns} ns "
        begun = _CALL_BEGINS + _fragment(first) if self._asked.is_call else _delta(first)
        self._transport.write(_STREAM_HEAD + _ROLE + begun)
        self._schedule()

    def _schedule(self) -> None:
        if self._asked.interval_ms:
            self._next = self._loop.call_later(self._asked.interval_ms / 1000, self._more)
        else:
            self._next = self._loop.call_soon(self._more)

    def _more(self) -> None:
        self._next = None
        if self._is_paused:
            return
        if not self._left:
            self._transport.write(self._end)
            self._is_paused = True
            return
        count = 1 if self._asked.interval_ms else min(TOKENS_A_WRITE, self._left)
        self._left -= count
        self._transport.write(self._tokens if count == TOKENS_A_WRITE else self._token * count)
        self._schedule()


async def main(port: int) -> None:
    """Serves until killed."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    run(main(int(sys.argv[1])))
