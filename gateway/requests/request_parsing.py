"""Reads a request's body as JSON or as a prompt, strictly, within limits of size and time."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Receive

from gateway.requests.disconnect_watcher import ClientGone
from gateway.requests.request_header import header
from llm_relay.documents import parse_json, prompt_from_document
from llm_relay.errors import DeadlineExceeded, InvalidRequest, TooLarge, Violation
from llm_relay.http.slow_bodies import BODY_TIMEOUT_S
from llm_relay.messages import Prompt

PARSED_AT_ONCE_BYTES = 64 * 1024
"""Larger bodies are parsed in a thread, so that other requests do not wait."""

_CODINGS = frozenset(("gzip", "x-gzip", "deflate", "br", "zstd", "compress"))
_JSON_STARTS = (b"{", b" ", b"\t", b"\r", b"\n", codecs.BOM_UTF8)
"""How a JSON object may begin, which no compressed body does: a proxy may decompress a body and keep the header."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """How large a body may be, and how long it may take to arrive."""

    max_bytes: int
    timeout_s: float = BODY_TIMEOUT_S


async def read_prompt(request: Request, call_id: str, *, deadline: float, limits: BodyLimits) -> Prompt:
    """Reads the body as a prompt. `call_id` is its request_id if the body has none.

    Raises InvalidRequest that names each invalid field, and what read_body raises.
    """
    body = await read_body(request, deadline=deadline, limits=limits)
    return await parsed(body, lambda: prompt_from_document(parse_json(body), request_id=call_id))


async def parsed(body: bytearray, parse: Callable[[], T]) -> T:
    """Returns the result of `parse`, without delaying other requests."""
    return parse() if len(body) <= PARSED_AT_ONCE_BYTES else await asyncio.to_thread(parse)


async def read_body(request: Request, *, deadline: float, limits: BodyLimits) -> bytearray:
    """Reads the whole body. `deadline` is in the event loop's time.

    Raises TooLarge as soon as it is certain, InvalidRequest if the body is compressed, DeadlineExceeded, ClientGone, or
    HTTPException(408) if the body takes longer than the limits allow.
    """
    max_bytes = limits.max_bytes
    announced = header(request.scope, b"content-length") or ""
    if announced.isdecimal() and (len(announced) > 15 or int(announced) > max_bytes):
        raise _too_large(max_bytes)
    limit = asyncio.get_running_loop().time() + limits.timeout_s
    try:
        async with asyncio.timeout_at(min(deadline, limit)):
            body = await _gathered(request.receive, max_bytes)
    except TimeoutError as error:
        if deadline <= limit:
            raise DeadlineExceeded from error
        raise HTTPException(408, headers={"Connection": "close"}) from error
    coding = header(request.scope, b"content-encoding") or ""
    if coding.strip().lower() in _CODINGS and not body.startswith(_JSON_STARTS):
        raise InvalidRequest.of(Violation("Content-Encoding", "must be identity: send the body uncompressed"))
    return body


async def _gathered(receive: Receive, max_bytes: int) -> bytearray:
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return body


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"the body is larger than {max_bytes} bytes, the limit that follows from MAX_MESSAGE_BYTES")
