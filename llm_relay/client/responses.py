"""Reads the responses of a grpc.aio call so that a call that is given up frees all that it holds.

grpc.aio leaks what is cancelled while it waits: 1 KB for a read, 16 KB for a request that is still being sent. So a
read runs in a task of its own. A caller who gives up cancels the call itself, and the read then ends by itself.
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
    """Returns the one response of a call, once the call has ended. Raises AioRpcError, or Internal if there is none."""
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

    If it is cancelled, it cancels the call and waits until gRPC has let go of it.
    """
    reading = asyncio.ensure_future(call.read())
    try:
        response = await asyncio.shield(reading)
    except asyncio.CancelledError:
        if not reading.done():
            _cancel(call)
            await asyncio.wait([reading])
        _ = reading.cancelled() or reading.exception()  # seen: nobody is left who would be told
        raise
    if response is None:
        raise Internal("the answer of Server B cannot be read")  # grpc.aio gives None for what it cannot parse
    return response  # type: ignore[return-value]  # END is one of R to those who compare


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """What Server B says of a call before the provider is asked."""

    ignored: tuple[str, ...]
    """Options that have no effect at the provider, as fields of the prompt."""
    rates: RatesLeft
    """What is left of the caller's rates."""


async def admitted(call: Call[Any]) -> Admitted:
    """Waits until the call is admitted; returns what Server B says of it, which is nothing if it fails."""
    metadata: Any = await call.initial_metadata()
    return Admitted(
        ignored=names_of(first_value(metadata, IGNORED)), rates=rates_from_text(first_value(metadata, RATES))
    )


async def end(call: Call[R]) -> None:
    """Cancels the call unless it has ended, and waits until gRPC has let go of it.

    A response stream that is merely dropped would never be cancelled on the server (grpc/grpc#43462).
    """
    _cancel(call)
    await call.code()


def _cancel(call: Call[R]) -> None:
    # Not `call.cancel()`, which also cancels the task that sends the request.
    call._cancel("given up by the caller")  # type: ignore[attr-defined]  # noqa: SLF001
