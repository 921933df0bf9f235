"""Server-sent events, written one by one (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Protocol

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.requests.disconnect_watcher import while_client_stays
from gateway.response_headers import EVENTS_HEADERS
from llm_relay.documents import delta_document, finish_document, stream_error_document
from llm_relay.errors import Draining, RelayError
from llm_relay.messages import Delta, Event, Finished, Started

EVENT_STREAM = "text/event-stream"
PING = b": ping\n\n"
HOLD_S = 0.02
"""How long the start of a stream waits for the first event, to be sent with it, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pings:
    """How long a stream may be silent before a comment is sent, so that no proxy considers the connection dead."""

    first_s: float = 10.0
    """Before the first event, in seconds. The comment begins the response: a later failure is an event."""
    next_s: float = 15.0


class EventLines(Protocol):
    """Writes the events of a call as server-sent events, in the shape of one interface."""

    def event(self, event: Event) -> bytes:
        """Returns the lines of one event, or b"" if it has none."""
        ...

    def failure(self, error: RelayError) -> bytes:
        """Returns the lines that end a stream in failure."""
        ...


class RelayLines:
    """The events of POST /stream."""

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id
        self._provider = ""

    def event(self, event: Event) -> bytes:
        """Returns the lines of one event, or b"" if it has none."""
        match event:
            case Delta():
                return b'id: %d\ndata: {"content": %b}\n\n' % (event.sequence, orjson.dumps(event.text))
            case Started():
                self._provider = event.provider
            case Finished():
                document = finish_document(self._request_id, self._provider, event)
                return b"event: finish\ndata: %b\n\ndata: [DONE]\n\n" % orjson.dumps(document)
            case _:
                name, data = delta_document(event, orjson.Fragment)
                return b"event: %b\nid: %d\ndata: %b\n\n" % (name.encode(), event.sequence, _data(orjson.dumps(data)))
        return b""

    def failure(self, error: RelayError) -> bytes:
        """Returns the lines that end a stream in failure."""
        error.request_id = error.request_id or self._request_id
        return b"data: %b\n\n" % orjson.dumps(stream_error_document(error))


def _data(text: bytes) -> bytes:
    """Returns a field's value. A tool call's arguments are as the model wrote them, and may have several lines."""
    return b"\ndata: ".join(text.splitlines())


class EventStream(Response):
    """Sends the events of one call. The call ends when the client leaves.

    The response begins with the first line or ping. An earlier failure is raised, and can have its own HTTP status. A
    later one is the stream's last line.
    """

    media_type = EVENT_STREAM

    def __init__(self, events: AsyncGenerator[Event, None], lines: EventLines, pings: Pings) -> None:
        """`events` are those of RelayClient.stream_process, not yet started."""
        self.status_code = 200
        self.background = None
        self.init_headers(EVENTS_HEADERS)
        self._events = events
        self._lines = lines
        self._pings = pings

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        body = _Body(send, {"status": self.status_code, "headers": self.raw_headers})
        pinging = asyncio.create_task(body.ping(self._pings))
        try:
            async with while_client_stays(receive), contextlib.aclosing(self._events) as events:
                end = await self._send(events, body)
            await body.end(end)
        except RelayError as error:
            if not body.begun:
                raise
            await body.end(self._lines.failure(error))
        except asyncio.CancelledError:  # the HTTP server's drain time is over
            if body.begun:
                await body.end(self._lines.failure(Draining()))
            raise
        finally:
            body.close()
            pinging.cancel()

    async def _send(self, events: AsyncGenerator[Event, None], body: _Body) -> bytes:
        """Writes the events and returns the lines that end the stream."""
        lines_of, end = self._lines.event, b""
        async for event in events:
            lines = lines_of(event)
            if isinstance(event, Finished):
                end = lines
            elif isinstance(event, Started):
                body.hold(lines)
            elif lines:
                await body.write(lines)
        return end


class _Body:
    """The body of a response. Its first line begins the response."""

    def __init__(self, send: Send, head: Mapping[str, object]) -> None:
        self._send = send
        self._head = head
        self._now = asyncio.get_running_loop().time
        self._last_at = self._now()
        self._has_ended = False
        self._held = b""
        self.begun = False

    def hold(self, lines: bytes) -> None:
        """Holds the lines back for the next ones, which mostly follow at once: this saves a write.

        If nothing follows they are sent alone, because a client's timeout counts from the last byte.
        """
        if lines:
            self._held = lines
            self._timer = asyncio.get_running_loop().call_later(HOLD_S, self._release)

    def _release(self) -> None:
        if self._held:
            self._releasing = asyncio.create_task(self._write_held())

    async def _write_held(self) -> None:
        if self._held:  # else they were sent with later lines
            await self.write(b"")

    def _with_held(self, lines: bytes) -> bytes:
        if not self._held:
            return lines
        self._timer.cancel()
        lines, self._held = self._held + lines, b""
        return lines

    def close(self) -> None:
        """Drops what has not been written."""
        self._with_held(b"")

    async def write(self, lines: bytes) -> None:
        lines = self._with_held(lines)
        if not self.begun:
            await self._begin()
        self._last_at = self._now()
        await self._send({"type": "http.response.body", "body": lines, "more_body": True})

    async def end(self, lines: bytes) -> None:
        self._has_ended = True
        lines = self._with_held(lines)
        if not self.begun:
            await self._begin()
        await self._send({"type": "http.response.body", "body": lines})

    async def ping(self, pings: Pings) -> None:
        """Writes a comment after each silence, until the body ends."""
        while not self._has_ended:
            limit_s = pings.next_s if self.begun else pings.first_s
            silent_s = self._now() - self._last_at
            if silent_s < limit_s:
                await asyncio.sleep(limit_s - silent_s)
            else:
                await self.write(PING)

    async def _begin(self) -> None:
        self.begun = True
        await self._send({"type": "http.response.start", **self._head})
