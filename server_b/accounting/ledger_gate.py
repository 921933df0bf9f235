"""The gate between calls and the ledger: what a call can cost is set aside before, and settled after it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime

from llm_relay.amounts import dollars
from llm_relay.errors import BudgetExceeded, InvalidRequest, PriceUnknown, RelayError, Violation
from server_b.accounting.call_entries import call_end
from server_b.accounting.call_ids import new_call_id
from server_b.accounting.cost_bound import (
    Estimate,
    Estimated,
    dearest,
    estimated,
    likely_tokens,
    own_refusal,
    unknown_price_text,
)
from server_b.accounting.permission import may_not_use_all, permitted
from server_b.accounting.rates_left import RatesSeen
from server_b.core.calls.call import Call
from server_b.core.calls.record import CallRecord
from server_b.ledger.base import Books
from server_b.ledger.entries import NewCall, Reserved
from server_b.pricing.price_list import PriceList
from server_b.providers.base import AskedModel, Provider

_COSTLY = (
    "may change what the call costs or which model answers, and a budget, max_cost_nano_usd or the caller's models"
    " limit that; leave it out"
)


class LedgerGate:
    """Writes each call into the books before its provider is asked, and settles it after."""

    def __init__(
        self,
        books: Books,
        provider: Provider,
        prices: Mapping[str, PriceList],
        *,
        estimate: Estimate = Estimate.BOUND,
        rates: RatesSeen | None = None,
    ) -> None:
        """`prices` by the provider's name; the `provider` is the one that the calls ask; `rates` is told what is left.

        None: nobody wants to know.
        """
        self.books = books
        self.rates = rates
        self._provider = provider
        self._prices = prices
        self._estimate = estimate

    @property
    def is_ready(self) -> bool:
        """Whether the ledger can be written."""
        return self.books.is_writable

    def open(self, call: Call) -> LedgerReservation:
        """Gives the call an id of its own in the ledger."""
        return LedgerReservation(self, call)

    def note_joined(self, entry_id: str) -> None:
        """Has the call's row count one more request."""
        self.books.note_joined(entry_id)

    async def plan(self, call: Call) -> Plan:
        """Returns which models the call may ask, and what each can cost. Raises PermissionDenied."""
        prompt = call.prompt
        asked: Sequence[AskedModel] = await self._provider.asked_models(prompt)
        named = prompt.model if prompt.model and prompt.model.strip() else self._provider.default_model
        account = self.books.policy.callers.get(call.key.caller.rpartition("/")[2])
        models = permitted(account, named, asked) if account is not None and account.models else tuple(asked)
        return Plan(
            call=call,
            named=named,
            tags=prompt.options.tags if account is None else {**prompt.options.tags, **account.tags},
            estimates=tuple([estimated(one, prompt, self._prices.get(one.provider), self._estimate) for one in models]),
            is_whole=len(models) == len(asked),
            has_closed_models=account is not None and may_not_use_all(account, models),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a call may ask, and what that can cost."""

    call: Call
    named: str
    """The model that the request means."""
    tags: Mapping[str, str]
    estimates: tuple[Estimated, ...]
    """Of the models that the caller may use, in the order in which they are asked."""
    is_whole: bool
    """Whether the caller may use every provider's model."""
    has_closed_models: bool
    """Whether a provider that may be asked has models that are closed to the caller, so that no option may name one."""

    def new_call(self, entry_id: str) -> NewCall:
        """Returns what is written before a provider is asked."""
        call = self.call
        return NewCall(
            id=entry_id,
            request_id=call.key.request_id,
            caller=call.key.caller,
            protocol=call.protocol,
            provider=call.provider,
            model=self.named,
            tags=self.tags,
            bound_nano_usd=dearest([one.reserved_nano_usd for one in self.estimates]),
            refusal=own_refusal(call.prompt, self.estimates),
            likely_tokens=likely_tokens(self.estimates[0]),
            started_at=datetime.now(UTC),
            trace_id=call.trace_id,
        )

    def allowed(self, *, is_limited: bool) -> Set[str] | None:
        """Returns the providers that may be asked, None: all; where the cost is limited, those with a price alone."""
        kept = [one for one in self.estimates if not is_limited or one.bound_nano_usd is not None]
        if self.is_whole and len(kept) == len(self.estimates):
            return None
        return {one.asked.provider for one in kept}

    def refuse_costly_options(self) -> None:
        """Raises InvalidRequest naming what may change the cost, or the model, of a call that is limited in that."""
        costly = [name for one in self.estimates for name in one.asked.costly_options]
        if costly:
            raise InvalidRequest.of(*(Violation(name, _COSTLY) for name in costly))


class LedgerReservation:
    """One call's way through the ledger."""

    __slots__ = ("_call", "_gate", "_new", "entry_id")

    def __init__(self, gate: LedgerGate, call: Call) -> None:
        self.entry_id = new_call_id()
        self._gate = gate
        self._call = call
        self._new: NewCall | None = None
        """As it was handed to the books: it may have a row, also if it was cancelled since."""

    async def reserve(self) -> Set[str] | None:
        """Writes the call and sets aside what it can cost; raises PermissionDenied, or why the books refuse it."""
        plan = await self._gate.plan(self._call)
        has_own_limit = self._call.prompt.options.max_cost_nano_usd is not None
        if has_own_limit or plan.has_closed_models:
            plan.refuse_costly_options()
        reserved = await self._write(plan)
        if reserved.rates_left is not None and self._gate.rates is not None:
            self._gate.rates.note(self._call.key.caller.rpartition("/")[2], reserved.rates_left)
        if reserved.is_under_budget:
            plan.refuse_costly_options()
        return plan.allowed(is_limited=reserved.is_under_budget or has_own_limit)

    async def _write(self, plan: Plan) -> Reserved:
        new = self._new = plan.new_call(self.entry_id)
        try:
            return await self._gate.books.reserve(new)
        except RelayError as error:
            self._new = None
            if new.refusal is None:
                _say_more(error, plan, new)
            raise

    async def settle(self, record: CallRecord) -> None:
        """Writes what the call took, if it has a row."""
        if self._new is not None:
            await self._gate.books.settle(call_end(self.entry_id, self._new.started_at, record))


def _say_more(error: RelayError, plan: Plan, call: NewCall) -> None:
    """Adds to a refusal of the books what they do not know."""
    if isinstance(error, PriceUnknown):
        error.args = (unknown_price_text(plan.estimates, "a budget limits this call"),)
    elif isinstance(error, BudgetExceeded) and call.bound_nano_usd is not None:
        error.args = (f"{error.message}; this call can cost up to {dollars(call.bound_nano_usd)}",)
