"""Books in memory, with one budget for all callers, that a test can inspect, delay and make fail."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from llm_relay.errors import BudgetExceeded, PriceUnknown, RelayError
from llm_relay.messages.accounts import CallerAccount
from server_b.ledger.base import Policy
from server_b.ledger.entries import CallEnd, NewCall, Reserved


class MemoryBooks:
    """Stores calls in dictionaries."""

    def __init__(self, *callers: CallerAccount, limit_nano_usd: int | None = None) -> None:
        """`limit_nano_usd` is the limit of the one budget for all calls; None: no budget."""
        self.policy = Policy(revision=1, callers={caller.name: caller for caller in callers})
        self.is_writable = True
        self._limit = limit_nano_usd
        self.spent = 0
        self.open: dict[str, NewCall] = {}
        self.settled: dict[str, tuple[NewCall, CallEnd]] = {}
        self.unknown: list[CallEnd] = []
        """The ends of calls that were not written, or had ended."""
        self.refused: list[NewCall] = []
        self.joined: list[str] = []
        self.failure: RelayError | None = None
        """What every reservation fails with."""
        self.reserving, self.may_reserve = asyncio.Event(), asyncio.Event()
        self.may_reserve.set()

    @property
    def reserved(self) -> int:
        """The sum that running calls have reserved."""
        return sum(call.bound_nano_usd or 0 for call in self.open.values())

    async def reserve(self, call: NewCall) -> Reserved:
        self.reserving.set()
        await self.may_reserve.wait()
        try:
            self._check(call)
        except RelayError:
            self.refused.append(call)
            raise
        self.open[call.id] = call
        return Reserved(is_under_budget=self._limit is not None)

    def _check(self, call: NewCall) -> None:
        if error := self.failure or call.refusal:
            raise error
        if self._limit is None:
            return
        if call.bound_nano_usd is None:
            raise PriceUnknown
        if self.spent + self.reserved + call.bound_nano_usd > self._limit:
            raise BudgetExceeded(scope="caller:all", limit_nano_usd=self._limit, spent_nano_usd=self.spent)

    async def settle(self, end: CallEnd) -> None:
        if (call := self.open.pop(end.id, None)) is not None:
            self.settled[end.id] = (call, end)
            unknown = (call.bound_nano_usd or 0) if end.may_have_worked else 0
            self.spent += unknown if end.nano_usd is None else end.nano_usd
        else:
            self.unknown.append(end)

    def note_joined(self, call_id: str) -> None:
        self.joined.append(call_id)

    async def refresh(self) -> None:
        self.policy = replace(self.policy)
