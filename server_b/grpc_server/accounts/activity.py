"""WatchActivity: reports calls as they begin and end, with totals."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Callable

from generated.relay.v1 import accounts_pb2 as pb
from llm_relay.messages.accounts import CallEntry, CallState, UsageGroup
from llm_relay.wire import accounts as wire
from server_b.grpc_server.accounts.asker import Asker
from server_b.ledger.base import LiveCalls
from server_b.ledger.entries import MOST_SUM

_SUMMED = (
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "nano_usd",
    "charged_nano_usd",
)  # fmt: skip


async def watch(
    request: pb.WatchActivityRequest, asker: Asker, check: Callable[[], None]
) -> AsyncGenerator[pb.WatchActivityResponse, None]:
    """Yields the totals, and then each call that begins or ends. `check` raises when watching must end."""
    seen = asker.seen(request.caller)
    totals = _Totals()
    async with contextlib.aclosing(asker.ledger.follow()) as changes:
        live = await anext(changes)
        totals.running = _running(live, seen)
        yield totals.response()
        async for live in changes:
            check()
            totals.running = _running(live, seen)
            for call in live.changed:
                if _is_of(call.caller, seen):
                    totals.note(call)
                    yield totals.response(call)
                    check()


def _running(live: LiveCalls, seen: str) -> int:
    return sum(count for caller, count in live.running.items() if _is_of(caller, seen))


def _is_of(caller: str, seen: str) -> bool:
    """Tells whether `seen` includes a caller: a full name, the part after the last slash, or empty for any."""
    return seen in ("", caller, caller.rpartition("/")[2])


class _Totals:
    def __init__(self) -> None:
        self.running = 0
        self._ended = UsageGroup()

    def note(self, call: CallEntry) -> None:
        """Counts a call if it has ended."""
        if call.state is CallState.OPEN:
            return
        ended = self._ended
        is_failed = call.outcome.isupper() or call.state is not CallState.SETTLED
        self._ended = dataclasses.replace(
            ended,
            calls=ended.calls + 1,
            failed=ended.failed + is_failed,
            unknown_cost_calls=ended.unknown_cost_calls + (call.nano_usd is None),
            **{name: min(getattr(ended, name) + (getattr(call, name) or 0), MOST_SUM) for name in _SUMMED},
        )

    def response(self, call: CallEntry | None = None) -> pb.WatchActivityResponse:
        return pb.WatchActivityResponse(
            call=wire.CALL_ENTRY.to_wire(call) if call else None,
            running=self.running,
            totals=wire.usage_group_to_wire(self._ended),
        )
