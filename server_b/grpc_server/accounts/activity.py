"""WatchActivity: reports calls as they begin and end, with totals."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

from generated.relay.v1 import accounts_pb2 as pb
from llm_relay.messages.accounts import CallEntry, CallQuery, CallState, UsageGroup
from llm_relay.wire import accounts as wire
from server_b.grpc_server.accounts.asker import Asker

CHECK_S = 0.5
"""How often to check that the caller may still watch while no call begins or ends, in seconds."""
MOST_RUNNING = 1000
"""Most running calls that are counted when watching begins."""
_COUNTS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")


async def watch(
    request: pb.WatchActivityRequest, asker: Asker, check: Callable[[], None]
) -> AsyncGenerator[pb.WatchActivityResponse, None]:
    """Yields the totals, and then each call that begins or ends. `check` raises when watching must end."""
    seen = asker.seen(request.caller)
    totals = _Totals()
    async with contextlib.aclosing(_checked(asker.ledger.follow(), check)) as calls:
        begun = await asker.ledger.calls(CallQuery(caller=seen, state=CallState.OPEN, limit=MOST_RUNNING))
        totals.running.update(call.id for call in begun.calls)
        yield totals.response()
        async for call in calls:
            if _is_of(call, seen):
                totals.note(call)
                yield totals.response(call)


def _is_of(call: CallEntry, caller: str) -> bool:
    """Tells whether this is a call of `caller`: a full name, the part after the last slash, or empty for any."""
    return caller in ("", call.caller, call.caller.rpartition("/")[2])


class _Totals:
    def __init__(self) -> None:
        self.running: set[str] = set()
        self._ended = UsageGroup()

    def note(self, call: CallEntry) -> None:
        """Counts a call that has begun or ended."""
        if call.state is CallState.OPEN:
            self.running.add(call.id)
            return
        self.running.discard(call.id)
        ended = self._ended
        is_failed = call.outcome.isupper() or call.state is not CallState.SETTLED
        self._ended = dataclasses.replace(
            ended,
            calls=ended.calls + 1,
            failed=ended.failed + is_failed,
            unknown_cost_calls=ended.unknown_cost_calls + (call.nano_usd is None),
            nano_usd=ended.nano_usd + (call.nano_usd or 0),
            charged_nano_usd=ended.charged_nano_usd + call.charged_nano_usd,
            **{name: getattr(ended, name) + (getattr(call, name) or 0) for name in _COUNTS},
        )

    def response(self, call: CallEntry | None = None) -> pb.WatchActivityResponse:
        return pb.WatchActivityResponse(
            call=wire.CALL_ENTRY.to_wire(call) if call else None,
            running=len(self.running),
            totals=wire.usage_group_to_wire(self._ended),
        )


async def _checked(calls: AsyncIterator[CallEntry], check: Callable[[], None]) -> AsyncGenerator[CallEntry, None]:
    """Yields the calls. Calls `check` before each, and regularly while there is none."""
    waiting: asyncio.Future[Any] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(calls))
            await asyncio.wait([waiting], timeout=CHECK_S)
            check()
            if waiting.done():
                call, waiting = waiting.result(), None
                yield call
    except StopAsyncIteration:
        return
    finally:
        if waiting is not None:
            waiting.cancel()
            await asyncio.wait([waiting])
        if isinstance(calls, AsyncGenerator):
            await calls.aclose()
