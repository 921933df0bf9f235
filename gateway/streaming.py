"""An answer as server-sent events, each written as it comes (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.disconnect import while_client_stays
from llm_relay.documents import finish_document, stream_error_document
from llm_relay.errors import Draining, RelayError
from llm_relay.messages import Delta, Event, Finished, Started

EVENT_STREAM = "text/event-stream"
PING_S = 15.0
"""Silence after which a comment is sent, so that nothing between takes the connection for dead."""
PING = b": ping\n\n"

# nginx and its like gather an answer before they pass it on, unless told otherwise.
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class EventStream(Response):
    """Sends the events of one call; opens with the first delta, so that a failure before it has an HTTP status.

    A failure before that is raised, one after it is the stream's last line. The call ends with the client.
    """

    media_type = EVENT_STREAM

    def __init__(self, events: AsyncGenerator[Event, None], request_id: str, *, ping_s: float = PING_S) -> None:
        """`events` as RelayClient.stream_process gives them, not begun; `ping_s` as PING_S."""
        self.status_code = 200
        self.background = None
        self.init_headers(_HEADERS)
        self._events = events
        self._request_id = request_id
        self._ping_s = ping_s

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        lines = _Lines(send, {"status": self.status_code, "headers": self.raw_headers}, self._ping_s)
        try:
            async with while_client_stays(receive), contextlib.aclosing(self._events) as events:
                end = await self._send(events, lines)
            await lines.end(end)
        except RelayError as error:
            if not lines.begun:
                raise
            await lines.end(_failure(error))
        except asyncio.CancelledError:  # by the HTTP server, whose patience with running calls is over
            if lines.begun:
                await lines.end(_failure(Draining(request_id=self._request_id)))
            raise
        finally:
            lines.close()

    async def _send(self, events: AsyncGenerator[Event, None], lines: _Lines) -> bytes:
        """Writes the deltas and returns what ends the stream."""
        provider, end = "", b""
        async for event in events:
            match event:
                case Delta():
                    await lines.write(_delta(event))
                case Started():
                    provider = event.provider
                case Finished():
                    end = _finish(self._request_id, provider, event)
                case _:
                    pass  # the core sends no other deltas yet
        return end


class _Lines:
    """The body of an answer: opened by the first line, pinged in silence until its end."""

    def __init__(self, send: Send, head: Mapping[str, object], ping_s: float) -> None:
        self._send = send
        self._head = head
        self._ping_s = ping_s
        self._pinging: asyncio.Task[None] | None = None
        self._last_at = 0.0
        self.begun = False

    async def write(self, line: bytes) -> None:
        await self._begin()
        self._last_at = asyncio.get_running_loop().time()
        await self._send({"type": "http.response.body", "body": line, "more_body": True})

    async def end(self, line: bytes) -> None:
        await self._begin()
        self.close()
        await self._send({"type": "http.response.body", "body": line})

    def close(self) -> None:
        if self._pinging is not None:
            self._pinging.cancel()

    async def _begin(self) -> None:
        if not self.begun:
            self.begun = True
            await self._send({"type": "http.response.start", **self._head})
            self._pinging = asyncio.create_task(self._ping())

    async def _ping(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            silent_s = loop.time() - self._last_at
            if silent_s < self._ping_s:
                await asyncio.sleep(self._ping_s - silent_s)
            else:
                await self.write(PING)


def _delta(delta: Delta) -> bytes:
    return b'id: %d\ndata: {"content": %b}\n\n' % (delta.sequence, orjson.dumps(delta.text))


def _finish(request_id: str, provider: str, finished: Finished) -> bytes:
    document = finish_document(request_id, provider, finished)
    return b"event: finish\ndata: %b\n\ndata: [DONE]\n\n" % orjson.dumps(document)


def _failure(error: RelayError) -> bytes:
    return b"data: %b\n\n" % orjson.dumps(stream_error_document(error))
