"""What an HTTP request asks: its body as a prompt, strictly; its id; its deadline."""

from __future__ import annotations

import asyncio
import re
from types import TracebackType

from starlette.requests import Request
from starlette.types import Receive

from gateway.disconnect import ClientGone
from llm_relay.documents import parse_json, prompt_from_document
from llm_relay.errors import DeadlineExceeded, InvalidRequest, TooLarge, Violation
from llm_relay.messages import Prompt, request_id_fault

REQUEST_ID_HEADER = "X-Request-Id"
TIMEOUT_HEADER = "X-Request-Timeout"
MIN_TIMEOUT_S = 0.001
MAX_TIMEOUT_S = 86_400.0
PARSED_AT_ONCE_BYTES = 64 * 1024
"""Larger bodies are parsed in a thread: one with many members takes half a second, and others would wait for it."""

_SECONDS = re.compile(r"[0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20}")


def given_request_id(request_id: str | None) -> str:
    """Returns the id of an X-Request-Id header if it is a valid one, else nothing."""
    return "" if request_id is None or request_id_fault(request_id) else request_id


def deadline(request: Request, default_s: float) -> float:
    """Returns when the request must be answered, in the event loop's time.

    X-Request-Timeout gives the seconds, 0.001 to 86400; `default_s` where it is absent.
    """
    text, seconds = request.headers.get(TIMEOUT_HEADER), default_s
    if text is not None:
        seconds = float(text) if _SECONDS.fullmatch(text) else 0
        if not MIN_TIMEOUT_S <= seconds <= MAX_TIMEOUT_S:
            mend = f"must be a number of seconds from {MIN_TIMEOUT_S} to {MAX_TIMEOUT_S:.0f}"
            raise InvalidRequest.of(Violation(TIMEOUT_HEADER, mend))
    return asyncio.get_running_loop().time() + seconds


class before:  # noqa: N801 - read as a phrase: async with before(deadline)
    """Ends the block at the deadline and raises DeadlineExceeded then."""

    __slots__ = ("_limit",)

    def __init__(self, deadline: float) -> None:
        """`deadline` is in the event loop's time."""
        self._limit = asyncio.timeout_at(deadline)

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._limit.__aexit__(kind, error, trace)
        except TimeoutError as end:
            raise DeadlineExceeded from end


async def read_prompt(request: Request, request_id: str, *, deadline: float, max_bytes: int) -> Prompt:
    """Reads the body as a prompt, with `request_id` where the body names none.

    Raises InvalidRequest naming each bad field, TooLarge as soon as that is certain, DeadlineExceeded, ClientGone.
    """
    async with before(deadline):
        body = await _read_body(request, max_bytes)
    if len(body) <= PARSED_AT_ONCE_BYTES:
        return _prompt_from_body(body, request_id)
    return await asyncio.to_thread(_prompt_from_body, body, request_id)


async def _read_body(request: Request, max_bytes: int) -> bytearray:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > max_bytes:
        raise _too_large(max_bytes)
    body, more = bytearray(), True
    while more:
        part, more = await _next_part(request.receive)
        body += part
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return body


async def _next_part(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message.get("body", b""), message.get("more_body", False)


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"the body is larger than MAX_MESSAGE_BYTES ({max_bytes})")


def _prompt_from_body(body: bytes | bytearray, request_id: str) -> Prompt:
    return prompt_from_document(parse_json(body), request_id=request_id)
