"""Writes a streamed answer as the events of a response, each ready to send."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.openai.bodies.responses import ResponsesBody
from gateway.openai.errors import error_body
from gateway.openai.namespaces import CalledNames
from gateway.openai.responses.answer import ended, item_status, response_frame
from gateway.openai.responses.blocks import Block, CallBlock, ReasoningBlock, RefusalBlock, TextBlock
from llm_relay.errors import RelayError
from llm_relay.messages import (
    Delta,
    Event,
    Finished,
    ReasoningDelta,
    RefusalDelta,
    Started,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
)

_FAILURE_CODES = {"rate_limit_exceeded": "rate_limit_exceeded", "invalid_value": "invalid_prompt"}
"""OpenAI's codes of failed responses. Every other failure is a server_error, with our reason beside it."""


class ResponseLines:
    """Turns the events of one call into a response's events. Feed it every event in order."""

    def __init__(self, body: ResponsesBody, request_id: str, created: float) -> None:
        """`created` is when the call began, in Unix seconds."""
        self._body = body
        self._request_id = request_id
        self._created = created
        self._provider = ""
        self._frame = response_frame(body, request_id, body.model, created)
        self._names = CalledNames(body)
        self._number = 0
        self._open: dict[int, Block] = {}
        """The blocks that have not ended, by their index in the answer."""
        self._output: list[Block] = []

    def event(self, event: Event) -> bytes:
        """Returns the response events for an event of the relay."""
        match event:
            case Delta():
                return self._text(event)
            case Started():
                return self._start(event)
            case ToolCallStarted():
                return self._begin(event.index, self._call(event))
            case ToolCallDelta():
                return self._more(event.index, event.arguments)
            case ToolCallFinished():
                return self._end(event.index, "completed")
            case ReasoningDelta():
                return self._reasoning(event)
            case RefusalDelta():
                return self._refusal(event)
            case Finished():
                return self._finish(event)

    def failure(self, error: RelayError) -> bytes:
        """Returns the events of a failure during the stream."""
        body = error_body(error)["error"]
        failure = {"code": _FAILURE_CODES.get(body["code"], "server_error"), "message": body["message"]}
        relay = {"request_id": self._request_id, "provider": self._provider, "reason": error.reason}
        opened = b"" if self._number else self._opened()
        response = {**self._frame, "status": "failed", "error": failure, "output": self._items(), "relay": relay}
        return opened + self._line({"type": "response.failed", "response": response})

    def _call(self, event: ToolCallStarted) -> CallBlock:
        return CallBlock(self._identifier("fc"), event.id, event.name, self._names)

    def _start(self, event: Started) -> bytes:
        self._provider = event.provider
        self._frame = response_frame(self._body, self._request_id, event.model, self._created)
        return self._opened()

    def _opened(self) -> bytes:
        created = self._line({"type": "response.created", "response": self._frame})
        return created + self._line({"type": "response.in_progress", "response": self._frame})

    def _text(self, event: Delta) -> bytes:
        block = self._open.get(event.index)
        if isinstance(block, TextBlock):
            return self._text_delta(block, event.text)
        block = TextBlock(self._identifier("msg"))
        return self._begin(event.index, block) + self._text_delta(block, event.text)

    def _refusal(self, event: RefusalDelta) -> bytes:
        opened = b""
        if event.index not in self._open:
            opened = self._begin(event.index, RefusalBlock(self._identifier("msg")))
        return opened + self._more(event.index, event.text)

    def _text_delta(self, block: Block, text: str) -> bytes:
        block.add(text)
        number, self._number = self._number, self._number + 1
        return b'%b%d,"delta":%b}\n\n' % (block.delta_head, number, orjson.dumps(text))

    def _reasoning(self, event: ReasoningDelta) -> bytes:
        opened = b""
        if event.index not in self._open:
            opened = self._begin(event.index, ReasoningBlock(self._reasoning_id(event), self._provider))
        block = self._open[event.index]
        if isinstance(block, ReasoningBlock):
            block.sign(event.signature, event.redacted)
        return opened + (self._more(event.index, event.text) if event.text else b"")

    def _reasoning_id(self, event: ReasoningDelta) -> str:
        """Returns the provider's id only once: a block that continues after another one began is a new item."""
        is_new = event.id and all(block.identifier != event.id for block in self._output)
        return event.id if is_new else self._identifier("rs")

    def _begin(self, index: int, block: Block) -> bytes:
        """Opens a block, and ends the text or reasoning before it."""
        closed = b"".join(self._end(one, "completed") for one, other in [*self._open.items()] if other.ends_with_next)
        block.place(len(self._output))
        self._output.append(block)
        self._open[index] = block
        return closed + b"".join(map(self._line, block.opening()))

    def _more(self, index: int, text: str) -> bytes:
        block = self._open[index]
        opening = b"".join(map(self._line, block.before_first())) if block.is_empty else b""
        block.add(text)
        return opening + self._line(block.delta(text))

    def _end(self, index: int, status: str) -> bytes:
        block = self._open.pop(index, None)
        if block is None:
            return b""
        return b"".join(map(self._line, block.closing(status)))

    def _finish(self, event: Finished) -> bytes:
        opened = b""
        if not self._number:
            opened = self._start(Started(request_id=self._request_id, model=event.model, provider=self._provider))
        status = item_status(event)
        closed = b"".join(self._end(index, status) for index in [*self._open])
        response = ended(self._frame, self._items(), event, self._request_id, self._provider)
        kind = "response.incomplete" if response["status"] == "incomplete" else "response.completed"
        return opened + closed + self._line({"type": kind, "response": response})

    def _items(self) -> list[dict[str, Any]]:
        return [block.item for block in self._output]

    def _identifier(self, prefix: str) -> str:
        return f"{prefix}_{self._request_id}_{len(self._output)}"

    def _line(self, event: dict[str, Any]) -> bytes:
        event["sequence_number"] = self._number
        self._number += 1
        return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), orjson.dumps(event))
