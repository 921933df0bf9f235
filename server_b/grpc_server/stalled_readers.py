"""Drops callers that do not read their stream, so that they hold no resources."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from google.protobuf.message import Message

from llm_relay.errors import Cancelled

DEFAULT_STALL_S = 30.0


async def write_within(stall_s: float, context: grpc.aio.ServicerContext[Any, Any], response: Message) -> None:
    """Writes a response of a stream. Raises Cancelled if the caller reads nothing for `stall_s` seconds."""
    try:
        async with asyncio.timeout(stall_s):
            await context.write(response)
    except TimeoutError as error:
        raise Cancelled(f"the caller read nothing for {stall_s:g} s (STALL_SECONDS)") from error
