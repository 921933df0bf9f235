"""Reads a POST's body whole before the SDK sees the request."""

from __future__ import annotations

import asyncio

from mcp_types import JSONRPCError
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llm_relay.mcp.json_rpc import (
    UTF8_BOM,
    ParsedJson,
    TooManyValues,
    encode_message,
    parse_json,
    repeated_error,
    too_many_values_error,
)
from llm_relay.mcp.request_scope import REPEATED_ARGUMENTS

LARGE_BODY_BYTES = 64 * 1024
"""A larger one is parsed in a thread, so that other requests do not wait for it."""


class ReadWholeBody:
    """Refuses a body that is too large, ends early, has too many values, or has a member of its envelope twice.

    The SDK logs a traceback where a client leaves during its upload. Members that are repeated in the arguments of a
    tool are left for the tool server to refuse, by its own kind of error.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await self._read(scope, receive)
        if isinstance(body, Response):
            await body(scope, receive, send)
            return
        parsed = await _parsed(body)
        if isinstance(parsed, Response):
            await parsed(scope, receive, send)
            return
        scope[REPEATED_ARGUMENTS] = parsed.repeated_in_arguments
        await self._app(scope, _replaying(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | Response:
        announced = Headers(scope=scope).get("content-length", "")
        too_large = PlainTextResponse(f"the body is larger than {self._max_bytes} bytes (MAX_MESSAGE_BYTES)\n", 413)
        if announced.isdecimal() and int(announced[:20]) > self._max_bytes:
            return too_large
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return PlainTextResponse("the body is not complete\n", 400)
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._max_bytes:
                return too_large
        return bytes(body).removeprefix(UTF8_BOM)


async def _parsed(body: bytes) -> ParsedJson | Response:
    """Returns the parsed body; what is no JSON counts as empty, since the SDK refuses it in the client's revision."""
    try:
        parsed = await asyncio.to_thread(parse_json, body) if len(body) > LARGE_BODY_BYTES else parse_json(body)
    except TooManyValues:
        return _refusal(too_many_values_error())
    except ValueError:
        return ParsedJson(value=None, repeated_in_envelope=(), repeated_in_arguments=())
    if parsed.repeated_in_envelope:
        request_id = parsed.value.get("id") if isinstance(parsed.value, dict) else None
        return _refusal(repeated_error(parsed.repeated_in_envelope, request_id))
    return parsed


def _refusal(error: JSONRPCError) -> Response:
    return Response(encode_message(error), 400, media_type="application/json")


def _replaying(body: bytes, receive: Receive) -> Receive:
    replayed = False

    async def replay() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
