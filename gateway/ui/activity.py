"""Calls as they begin and end, as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.requests.disconnect_watcher import while_client_stays
from gateway.response_headers import EVENTS_HEADERS
from gateway.streaming import EVENT_STREAM, PING
from gateway.ui.watchers import Watchers
from llm_relay.documents.accounts import call_document, usage_group_document
from llm_relay.errors import RelayError
from llm_relay.messages.accounts import Activity

PING_S = 15.0


class ActivityStream(Response):
    """Sends activity until the browser leaves or the gateway stops. The browser then reconnects."""

    media_type = EVENT_STREAM

    def __init__(self, activity: AsyncGenerator[Activity, None], watchers: Watchers) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers(EVENTS_HEADERS)
        self._activity = activity
        self._watchers = watchers

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        async with while_client_stays(receive), contextlib.aclosing(self._activity) as activity:
            first = await anext(activity)  # a refusal here still gets its own HTTP status
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _send(send, _event(first))
            pinging = asyncio.create_task(_ping(send))
            try:
                async with self._watchers.until_stopped():
                    with contextlib.suppress(RelayError):
                        async for one in activity:
                            await _send(send, _event(one))
            finally:
                pinging.cancel()
        await send({"type": "http.response.body", "body": b""})


async def _ping(send: Send) -> None:
    while True:
        await asyncio.sleep(PING_S)
        await _send(send, PING)


async def _send(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


def _event(activity: Activity) -> bytes:
    document = {
        "call": call_document(activity.call) if activity.call else None,
        "running": activity.running,
        "totals": usage_group_document(activity.totals),
    }
    return b"data: %b\n\n" % orjson.dumps(document)
