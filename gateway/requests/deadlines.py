"""How long a request may take: reads X-Request-Timeout, and ends a block at the deadline."""

from __future__ import annotations

import asyncio
import re
from types import TracebackType

from starlette.requests import Request

from gateway.requests.request_header import header
from llm_relay.errors import DeadlineExceeded, InvalidRequest, Violation

TIMEOUT_HEADER = "X-Request-Timeout"
MIN_TIMEOUT_S = 0.001
MAX_TIMEOUT_S = 86_400.0

_SECONDS = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?|\.[0-9]{1,20}")


def deadline_of(request: Request, default_s: float) -> float:
    """Returns the deadline of a request, in the event loop's time.

    X-Request-Timeout gives the seconds, 0.001 to 86400. Without it, `default_s` holds. Raises InvalidRequest.
    """
    text, seconds = header(request.scope, b"x-request-timeout"), default_s
    if text is not None:
        seconds = float(text) if _SECONDS.fullmatch(text) else 0
        if not MIN_TIMEOUT_S <= seconds <= MAX_TIMEOUT_S:
            rule = f"must be a number of seconds from {MIN_TIMEOUT_S} to {MAX_TIMEOUT_S:.0f}"
            raise InvalidRequest.of(Violation(TIMEOUT_HEADER, rule))
    return asyncio.get_running_loop().time() + seconds


class end_at:  # noqa: N801 - read as a phrase: async with end_at(deadline)
    """Cancels the block at the deadline, and then raises DeadlineExceeded."""

    __slots__ = ("_timeout",)

    def __init__(self, deadline: float) -> None:
        """`deadline` is in the event loop's time."""
        self._timeout = asyncio.timeout_at(deadline)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as end:
            raise DeadlineExceeded from end
