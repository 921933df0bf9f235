"""Reads the whole body of a POST before the SDK sees the request."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llm_relay.mcp.json_rpc import MessageError, ReceivedMessage, encode_message, read_message
from llm_relay.mcp.oversized import HEAD_BYTES, Oversized, oversized
from llm_relay.mcp.repeated_members import UTF8_BOM
from llm_relay.mcp.scope_keys import RAW_ARGUMENTS, REPEATED_ARGUMENTS, TOO_LARGE

JSON = "application/json"
LARGE_BODY_BYTES = 64 * 1024
"""A larger body is parsed in a thread, so that other requests do not wait for it."""


class ReadWholeBody:
    """Refuses a body that is too large, ends early, or is not one message that can be served.

    For some of these the SDK would log a traceback, although they are the client's fault. The tool server refuses
    repeated members in a tool's arguments, like other bad arguments.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, *, answers_elsewhere: bool = False) -> None:
        """`answers_elsewhere`: clients wait for the answer on another connection, and some of them ignore this one."""
        self._app = app
        self._max_bytes = max_bytes
        self._answers_elsewhere = answers_elsewhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await self._read(scope, receive)
        if isinstance(body, Response):
            await body(scope, receive, send)
            return
        if isinstance(body, Oversized):
            await self._refuse(body, scope, receive, send)
            return
        try:
            received = await _received(body)
        except MessageError as error:
            await Response(encode_message(error.answer), 400, media_type=JSON)(scope, receive, send)
            return
        scope[REPEATED_ARGUMENTS] = received.repeated_arguments
        scope[RAW_ARGUMENTS] = received.raw_arguments
        await self._app(scope, _replaying(body, receive), send)

    async def _refuse(self, request: Oversized, scope: Scope, receive: Receive, send: Send) -> None:
        if self._answers_elsewhere and request.is_tool_call:
            body = request.without_arguments()
            scope[TOO_LARGE] = True
            MutableHeaders(scope=scope)["content-length"] = str(len(body))
            await self._app(scope, _replaying(body, receive), send)
        else:
            await Response(encode_message(request.error()), 413, media_type=JSON)(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | Response | Oversized:
        announced = Headers(scope=scope).get("content-length", "")
        is_too_large = announced.isdecimal() and int(announced[:20]) > self._max_bytes
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return PlainTextResponse("the body is not complete\n", 400)
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > (HEAD_BYTES if is_too_large else self._max_bytes):
                break
        else:
            if not is_too_large:
                return bytes(body).removeprefix(UTF8_BOM)
        return oversized(bytes(body[:HEAD_BYTES]))


async def _received(body: bytes) -> ReceivedMessage:
    if len(body) > LARGE_BODY_BYTES:
        return await asyncio.to_thread(read_message, body)
    return read_message(body)


def _replaying(body: bytes, receive: Receive) -> Receive:
    replayed = False

    async def replay() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
