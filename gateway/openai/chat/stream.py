"""Writes a streamed answer as chat completion chunks, each a server-sent event ready to send."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.openai.chat.answer import openai_finish_reason, reasoning_detail
from gateway.openai.errors import error_body
from gateway.openai.usage import chat_usage, relay_document
from llm_relay.errors import RelayError
from llm_relay.messages import (
    Delta,
    Event,
    Finished,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    Started,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
)

DONE = b"data: [DONE]\n\n"


class ChatLines:
    """Turns the events of one call into chunks. Feed it every event in order."""

    def __init__(self, request_id: str, created: int, *, include_usage: bool) -> None:
        """`created` is when the call began, in Unix seconds. `include_usage` adds a last chunk with the usage."""
        self._request_id = request_id
        self._created = created
        self._include_usage = include_usage
        self._provider = ""
        self._head = b""
        self._tail = b""
        self._calls: dict[int, int] = {}
        """The number of each tool call among the calls, by the index of its block."""

    def event(self, event: Event) -> bytes:
        """Returns the lines of an event, or b"" if it has none."""
        match event:
            case Delta():  # the most frequent event: no chunk object is built
                return b'%b"content":%b%b' % (self._head, orjson.dumps(event.text), self._tail)
            case Started():
                return self._start(event)
            case ToolCallStarted():
                function = {"name": event.name, "arguments": ""}
                call = {"index": self._number(event.index), "id": event.id, "type": "function", "function": function}
                return self._chunk({"tool_calls": [call]})
            case ToolCallDelta():
                function = {"arguments": event.arguments}
                return self._chunk({"tool_calls": [{"index": self._number(event.index), "function": function}]})
            case ReasoningDelta():
                return self._reasoning(event)
            case RefusalDelta():
                return self._chunk({"refusal": event.text})
            case ToolCallFinished():
                return b""
            case Finished():
                return self._finish(event)

    def failure(self, error: RelayError) -> bytes:
        """Returns the lines of a failure during the stream: an error, without [DONE]."""
        return b"data: %b\n\n" % orjson.dumps(error_body(error))

    def _start(self, event: Started) -> bytes:
        self._provider = event.provider
        self._base = {
            "id": f"chatcmpl-{self._request_id}",
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": event.model,
        }
        self._head = b'data: %b,"choices":[{"index":0,"delta":{' % orjson.dumps(self._base)[:-1]
        usage = b',"usage":null' if self._include_usage else b""
        self._tail = b'},"logprobs":null,"finish_reason":null}]%b}\n\n' % usage
        return self._chunk({"role": "assistant", "content": ""})

    def _chunk(self, delta: dict[str, Any]) -> bytes:
        return self._head + orjson.dumps(delta)[1:-1] + self._tail

    def _number(self, index: int) -> int:
        return self._calls.setdefault(index, len(self._calls))

    def _reasoning(self, event: ReasoningDelta) -> bytes:
        part = Reasoning(text=event.text, signature=event.signature, redacted=event.redacted, id=event.id)
        delta: dict[str, Any] = {"reasoning_details": [reasoning_detail(part, event.index, self._provider)]}
        if event.text:
            delta["reasoning_content"] = event.text
        return self._chunk(delta)

    def _finish(self, event: Finished) -> bytes:
        opened = b""
        if not self._head:
            opened = self._start(Started(request_id=self._request_id, model=event.model, provider=self._provider))
        choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": openai_finish_reason(event.finish_reason)}
        last: dict[str, Any] = {**self._base, "choices": [choice]}
        if self._include_usage:
            last["usage"] = None
        if event.service_tier:
            last["service_tier"] = event.service_tier
        last["relay"] = relay_document(self._request_id, self._provider, event)
        lines = opened + b"data: %b\n\n" % orjson.dumps(last)
        usage = chat_usage(event.usage, event.cost)
        if self._include_usage:
            chunk = {**self._base, "choices": [], "usage": usage, "relay": last["relay"]}
            lines += b"data: %b\n\n" % orjson.dumps(chunk)
        return lines + DONE
