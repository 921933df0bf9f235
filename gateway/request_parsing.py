"""What an HTTP request asks: its body as a prompt, strictly; its id; its deadline."""

from __future__ import annotations

import asyncio
import json
import re
from types import TracebackType
from typing import Any

from starlette.requests import Request
from starlette.types import Receive

from gateway.disconnect import ClientGone
from llm_relay.documents import prompt_from_document
from llm_relay.errors import DeadlineExceeded, InvalidRequest, TooLarge, Violation
from llm_relay.messages import Prompt, request_id_fault

BODY = "(body)"
REQUEST_ID_HEADER = "X-Request-Id"
TIMEOUT_HEADER = "X-Request-Timeout"
MIN_TIMEOUT_S = 0.001
MAX_TIMEOUT_S = 86_400.0
LONGEST_WHOLE_NUMBER = 20
"""Digits. No field takes more, and Python refuses to read thousands of them."""

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
    document = parse_json(body)
    if isinstance(document, dict) and document.get("request_id") in (None, ""):
        document["request_id"] = request_id
    return prompt_from_document(document)


async def _read_body(request: Request, max_bytes: int) -> bytearray:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:LONGEST_WHOLE_NUMBER]) > max_bytes:
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


def parse_json(body: bytes | bytearray) -> object:
    """Parses JSON; refuses what is malformed, nested too deeply, or names a member twice.

    NaN, infinities and lone surrogates are let through, for the check of fields to refuse them by their names. That,
    and the members named twice, is why it is not orjson, which knows neither; both take the same time for a long text.
    """
    try:
        return _DECODER.decode(body.decode())
    except UnicodeDecodeError as error:
        raise InvalidRequest.of(Violation(BODY, f"must be UTF-8, which byte {error.start} is not")) from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidRequest.of(Violation(BODY, f"must be JSON, which it ceases to be at {place}")) from error
    except RecursionError as error:
        raise InvalidRequest.of(Violation(BODY, "must not be nested that deeply")) from error


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in members:
        if name in document:
            raise InvalidRequest.of(Violation(_shown(name), "must not be given twice in one object"))
        document[name] = value
    return document


def _shown(name: str) -> str:
    return name if name.isidentifier() and name.isascii() and len(name) <= 40 else BODY


def _whole_number(text: str) -> int | float:
    return int(text) if len(text) <= LONGEST_WHOLE_NUMBER else float(text)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_whole_number)
