"""A ledger in memory, for tests of its users: it stores what it gets, and checks almost nothing."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import itertools
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages import Cost
from llm_relay.messages.accounts import (
    Adjustment,
    AuditEntry,
    Budget,
    CallEntry,
    CallerAccount,
    CallQuery,
    CallsPage,
    CallState,
    NewToken,
    Price,
    Repricing,
    TokenInfo,
    UsageGroup,
    UsageQuery,
)
from server_b.ledger.base import Access, AccessCheck, LiveCalls, Policy
from server_b.ledger.entries import CallEnd, NewCall, Reserved

FOLLOW_S = 0.5
"""How often followers are given something, in seconds."""


class MemoryLedger:
    """Stores everything in lists."""

    location = "memory"
    is_writable = True
    lag_s = 0.0

    def __init__(self, *calls: CallEntry) -> None:
        self.entries = list(calls)
        self.budgets: dict[str, Budget] = {}
        self.tokens: dict[str, tuple[TokenInfo, bytes]] = {}
        self.audit: list[AuditEntry] = []
        self.usage_queries: list[UsageQuery] = []
        self.policy = Policy(revision=0)
        self._numbers = itertools.count(1)
        self._followers: list[asyncio.Queue[LiveCalls]] = []
        self.followed = asyncio.Event()

    async def refresh(self) -> None:
        """Does nothing: there is nothing to read."""

    async def reserve(self, call: NewCall) -> Reserved:  # noqa: ARG002 - any call
        """Accepts every call."""
        return Reserved(is_under_budget=False)

    async def settle(self, end: CallEnd) -> None:
        """Stores nothing."""

    def note_joined(self, call_id: str) -> None:
        """Counts nothing."""

    def note(self, call: CallEntry) -> None:
        """Passes a call on to its followers."""
        self.entries = [*(one for one in self.entries if one.id != call.id), call]
        for queue in self._followers:
            queue.put_nowait(LiveCalls(running=self._running(), changed=[call]))

    async def put_caller(
        self,
        caller: CallerAccount,
        *,
        by: str,
        fields: Collection[str] | None = None,  # noqa: ARG002 - one admin at a time
        access_check: AccessCheck | None = None,
    ) -> CallerAccount:
        callers = {**self.policy.callers, caller.name: caller}
        self._check_access(access_check, callers, self.policy.tokens)
        self._change(by, "caller.put", caller.name, callers=callers)
        return caller

    async def list_callers(self) -> Sequence[CallerAccount]:
        return [caller for _, caller in sorted(self.policy.callers.items())]

    async def create_token(
        self,
        caller: str,
        *,
        label: str,
        expires_at: datetime | None,
        by: str,
        is_admin: bool = False,
        access_check: AccessCheck | None = None,  # noqa: ARG002 - one admin at a time
    ) -> NewToken:
        number = next(self._numbers)
        secret = f"rly_{number:043}"
        info = TokenInfo(
            id=f"t{number}", caller=caller, label=label, created_at=datetime.now(UTC), expires_at=expires_at
        )
        self.tokens[info.id] = info, hashlib.sha256(secret.encode()).digest()
        callers = {caller: CallerAccount(name=caller), **self.policy.callers}
        if is_admin:
            callers[caller] = dataclasses.replace(callers[caller], is_admin=True)
        self._change(by, "token.create", caller, callers=callers)
        return NewToken(info=info, secret=secret)

    async def rotate_token(self, token_id: str, *, overlap_s: float, by: str) -> NewToken:
        info, digest = self._token(token_id)
        expires_at = datetime.now(UTC) + timedelta(seconds=overlap_s)
        self.tokens[token_id] = dataclasses.replace(info, expires_at=expires_at), digest
        return await self.create_token(info.caller, label=info.label, expires_at=None, by=by)

    async def revoke_token(self, token_id: str, *, by: str, access_check: AccessCheck | None = None) -> TokenInfo:
        info, digest = self._token(token_id)
        tokens = {key: token for key, token in self.policy.tokens.items() if token.id != token_id}
        self._check_access(access_check, self.policy.callers, tokens)
        self.tokens[token_id] = dataclasses.replace(info, revoked_at=datetime.now(UTC)), digest
        self._change(by, "token.revoke", info.caller)
        return self.tokens[token_id][0]

    async def create_session(self, caller: str, *, parent: TokenInfo | None, signed_in_with: str = "") -> NewToken:
        made = await self.create_token(
            caller, label="session", expires_at=parent.expires_at if parent else None, by=caller
        )
        info = dataclasses.replace(made.info, signed_in_with=signed_in_with)
        self.tokens[info.id] = info, self.tokens[info.id][1]
        self._change(caller, "session.create", caller)
        return dataclasses.replace(made, info=info)

    async def end_session(self, session_id: str, *, by: str) -> None:
        await self.revoke_token(session_id, by=by)

    async def list_tokens(self, caller: str = "") -> Sequence[TokenInfo]:
        return [info for info, _ in self.tokens.values() if caller in ("", info.caller)][::-1]

    async def put_budget(self, budget: Budget, *, by: str) -> Budget:
        former = self.budgets.get(budget.id, budget)
        budget = dataclasses.replace(
            budget,
            id=budget.id or f"b{next(self._numbers)}",
            time_zone=budget.time_zone or former.time_zone or "UTC",
            raised_by_nano_usd=former.raised_by_nano_usd,
            raised_until=former.raised_until,
        )
        self.budgets[budget.id] = budget
        self._change(by, "budget.put", budget.scope)
        return budget

    async def raise_budget(self, budget_id: str, nano_usd: int, *, until: datetime | None, by: str) -> Budget:
        until = until if nano_usd else None
        raised = dataclasses.replace(self._budget(budget_id), raised_by_nano_usd=nano_usd, raised_until=until)
        self.budgets[budget_id] = raised
        self._change(by, "budget.put", raised.scope)
        return raised

    async def delete_budget(self, budget_id: str, *, by: str) -> None:
        del self.budgets[self._budget(budget_id).id]
        self._change(by, "budget.delete", budget_id)

    async def list_budgets(self, *, caller: str = "") -> Sequence[Budget]:
        return [budget for budget in self.budgets.values() if caller in ("", budget.caller)]

    async def put_price(self, price: Price, *, by: str) -> Price:
        price = dataclasses.replace(price, id=price.id or f"p{next(self._numbers)}")
        self._change(by, "price.put", price.pattern, prices=(price, *self.policy.prices))
        return price

    async def delete_price(self, price_id: str, *, by: str) -> None:
        prices = tuple(price for price in self.policy.prices if price.id != price_id)
        self._change(by, "price.delete", price_id, prices=prices)

    async def price_unknown(self, cost: Callable[[CallEntry], Cost], *, query: CallQuery, by: str) -> Repricing:
        found = [cost(call).usd for call in self.entries if call.nano_usd is None and query.caller in ("", call.caller)]
        known = [int(usd * 10**9) for usd in found if usd is not None]
        self._change(by, "call.price", "unknown")
        return Repricing(priced=len(known), nano_usd=sum(known), unknown=len(found) - len(known))

    async def adjust(self, adjustment: Adjustment, *, by: str) -> CallEntry:
        call = next(call for call in self.entries if call.id == adjustment.call_id)
        self._change(by, "call.adjust", call.id)
        return dataclasses.replace(call, nano_usd=(call.nano_usd or 0) + adjustment.nano_usd)

    async def list_audit(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        return self.audit[-limit:][::-1]

    async def usage(self, query: UsageQuery) -> Sequence[UsageGroup]:
        self.usage_queries.append(query)
        calls = [call for call in self.entries if query.caller in ("", call.caller)]
        group = {dimension.value: query.caller or "x" for dimension in query.by}
        return [UsageGroup(group=group, calls=len(calls), nano_usd=sum(call.nano_usd or 0 for call in calls))]

    async def calls(self, query: CallQuery) -> CallsPage:
        skipped = int(query.page_token or 0)
        found = [
            call
            for call in reversed(self.entries)
            if query.caller in ("", call.caller, call.caller.rpartition("/")[2])
            and query.state in (None, call.state)
            and not (query.is_cost_unknown and (call.nano_usd is not None or call.state is CallState.OPEN))
        ]
        page = tuple(found[skipped : skipped + query.limit])
        following = skipped + query.limit
        return CallsPage(calls=page, next_page_token=str(following) if following < len(found) else "")

    async def follow(self) -> AsyncGenerator[LiveCalls, None]:
        queue: asyncio.Queue[LiveCalls] = asyncio.Queue()
        queue.put_nowait(LiveCalls(running=self._running()))
        self._followers.append(queue)
        self.followed.set()
        try:
            while True:
                live = LiveCalls(running=self._running())
                with suppress(TimeoutError):
                    live = await asyncio.wait_for(queue.get(), FOLLOW_S)
                yield live
        finally:
            self._followers.remove(queue)

    def _running(self) -> Counter[str]:
        return Counter(call.caller for call in self.entries if call.state is CallState.OPEN)

    async def aclose(self, *, grace_s: float) -> None:
        """Does nothing: there is nothing to close."""

    def _token(self, token_id: str) -> tuple[TokenInfo, bytes]:
        if token_id not in self.tokens:
            raise InvalidRequest.of(Violation("token_id", "there is no such token"))
        return self.tokens[token_id]

    def _budget(self, budget_id: str) -> Budget:
        if budget_id not in self.budgets:
            raise InvalidRequest.of(Violation("budget_id", "there is no such budget"))
        return self.budgets[budget_id]

    def _check_access(
        self,
        check: AccessCheck | None,
        callers: Mapping[str, CallerAccount],
        tokens: Mapping[bytes, TokenInfo],
    ) -> None:
        if check is not None:
            check(_access(self.policy.callers, self.policy.tokens), _access(callers, tokens))

    def _change(self, by: str, action: str, subject: str, **changed: object) -> None:
        tokens = {digest: info for info, digest in self.tokens.values() if info.revoked_at is None}
        self.policy = dataclasses.replace(self.policy, tokens=tokens, **changed)  # type: ignore[arg-type]
        at, number = datetime.now(UTC), next(self._numbers)
        self.audit.append(AuditEntry(id=f"a{number}", at=at, by=by, action=action, subject=subject))


def _access(callers: Mapping[str, CallerAccount], tokens: Mapping[bytes, TokenInfo]) -> Access:
    now = datetime.now(UTC)
    return Access(
        token_holders=frozenset(
            token.caller for token in tokens.values() if not token.is_session and not token.has_expired(now)
        ),
        admins=frozenset(name for name, caller in callers.items() if caller.is_admin),
        disabled=frozenset(name for name, caller in callers.items() if caller.is_disabled),
    )
