"""Reads the responses of a grpc.aio call, and frees all memory of a call that is given up.

grpc.aio leaks memory if an operation is cancelled while it waits: 1 KB for a read, 16 KB for a request that is still
being sent. So a read runs in its own task. A caller that gives up cancels the call, and the read then ends by itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc

from llm_relay.errors import Internal
from llm_relay.messages.accounts import RatesLeft
from llm_relay.metadata import IGNORED, RATES, first_value, names_of
from llm_relay.wire.rate_metadata import rates_from_text

R = TypeVar("R")
END: Any = grpc.aio.EOF
Call = grpc.aio.UnaryStreamCall[Any, R]


async def only_response(call: Call[R]) -> R:
    """Returns the only response of a call once it has ended. Raises AioRpcError, or Internal if there is none."""
    try:
        response = await next_response(call)
        if response is not END and await call.code() is not grpc.StatusCode.OK:
            response = await next_response(call)  # raises the status
        if response is END:
            raise Internal("Server B ended the call without an answer")
    except BaseException:
        await end(call)
        raise
    return response


async def next_response(call: Call[R]) -> R:
    """Returns the next response of a call, END after the last. Raises AioRpcError.

    If cancelled, it cancels the call and waits until gRPC has released it.
    """
    reading = asyncio.ensure_future(call.read())
    try:
        response = await asyncio.shield(reading)
    except asyncio.CancelledError:
        if not reading.done():
            _cancel(call)
            await asyncio.wait([reading])
        _ = reading.cancelled() or reading.exception()  # retrieved, so that asyncio does not log it
        raise
    if response is None:
        raise Internal("the answer of Server B cannot be read")  # grpc.aio returns None for what it cannot parse
    return response  # type: ignore[return-value]  # END counts as an R


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """What Server B reports about a call before the provider is called."""

    ignored: tuple[str, ...]
    """Options that have no effect at the provider, as fields of the prompt."""
    rates: RatesLeft
    """What is left of the caller's rates."""


async def admitted(call: Call[Any]) -> Admitted:
    """Waits until the call is admitted. Returns what Server B reports about it, or nothing if the call fails."""
    metadata: Any = await call.initial_metadata()
    return Admitted(
        ignored=names_of(first_value(metadata, IGNORED)), rates=rates_from_text(first_value(metadata, RATES))
    )


async def end(call: Call[R]) -> None:
    """Cancels the call unless it has ended, and waits until gRPC has released it.

    If the response stream were only dropped, the server would never cancel it (grpc/grpc#43462).
    """
    _cancel(call)
    await call.code()


def _cancel(call: Call[R]) -> None:
    # Not `call.cancel()`, which also cancels the task that sends the request.
    call._cancel("given up by the caller")  # type: ignore[attr-defined]  # noqa: SLF001
