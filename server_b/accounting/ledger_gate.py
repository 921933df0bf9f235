"""The gate between calls and the ledger: it reserves what a call can cost, and settles the call when it has ended."""

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
    estimated,
    highest,
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
    "may change the call's cost or the model that answers, which are limited by a budget, max_cost_nano_usd or the"
    " caller's models; leave it out"
)


class LedgerGate:
    """Writes each call into the ledger before its provider is asked, and settles it afterwards."""

    def __init__(
        self,
        books: Books,
        provider: Provider,
        prices: Mapping[str, PriceList],
        *,
        estimate: Estimate = Estimate.BOUND,
        rates: RatesSeen | None = None,
    ) -> None:
        """`prices` are price lists by provider name; `provider` is the provider that calls ask.

        `rates`, if given, is told what each caller's rates have left.
        """
        self.books = books
        self.rates = rates
        self._provider = provider
        self._prices = prices
        self._estimate = estimate

    @property
    def reserves_bounds(self) -> bool:
        """Whether the most that a call can cost is reserved, and not its likely cost."""
        return self._estimate is Estimate.BOUND

    @property
    def is_ready(self) -> bool:
        """Whether the ledger can be written."""
        return self.books.is_writable

    def open(self, call: Call) -> LedgerReservation:
        """Returns the call's reservation, with a new ledger id."""
        return LedgerReservation(self, call)

    def note_joined(self, entry_id: str) -> None:
        """Counts one more request in the call's row."""
        self.books.note_joined(entry_id)

    async def plan(self, call: Call) -> Plan:
        """Returns the models that the call may ask, and what each can cost. Raises PermissionDenied."""
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
    """The models that a call may ask, and what they can cost."""

    call: Call
    named: str
    """The model that the request names, or the default model."""
    tags: Mapping[str, str]
    estimates: tuple[Estimated, ...]
    """Estimates for the models that the caller may use, in the order in which they are asked."""
    is_whole: bool
    """Whether the caller may use every provider's model."""
    has_closed_models: bool
    """Whether a provider that may be asked has models that the caller may not use: then no option may name a model."""

    def new_call(self, entry_id: str) -> NewCall:
        """Returns the entry that is written before a provider is asked."""
        call = self.call
        return NewCall(
            id=entry_id,
            request_id=call.key.request_id,
            caller=call.key.caller,
            protocol=call.protocol,
            provider=call.provider,
            model=self.named,
            tags=self.tags,
            bound_nano_usd=highest([one.reserved_nano_usd for one in self.estimates]),
            refusal=own_refusal(call.prompt, self.estimates),
            likely_tokens=likely_tokens(self.estimates[0]),
            started_at=datetime.now(UTC),
            trace_id=call.trace_id,
        )

    def allowed(self, *, is_limited: bool) -> Set[str] | None:
        """Returns the providers that may be asked; None: all. If the cost is limited, only those with a known price."""
        kept = [one for one in self.estimates if not is_limited or one.bound_nano_usd is not None]
        if self.is_whole and len(kept) == len(self.estimates):
            return None
        return {one.asked.provider for one in kept}

    def refuse_costly_options(self) -> None:
        """Raises InvalidRequest naming the options that may change the cost or the model of a limited call."""
        costly = [name for one in self.estimates for name in one.asked.costly_options]
        if costly:
            raise InvalidRequest.of(*(Violation(name, _COSTLY) for name in costly))


class LedgerReservation:
    """One call's passage through the ledger."""

    __slots__ = ("_call", "_gate", "_new", "entry_id")

    def __init__(self, gate: LedgerGate, call: Call) -> None:
        self.entry_id = new_call_id()
        self._gate = gate
        self._call = call
        self._new: NewCall | None = None
        """The entry as it was given to the ledger. It may have been written even if the call was cancelled since."""

    @property
    def bound_nano_usd(self) -> int | None:
        """The most that the call should cost; None: not known, or only the likely cost was reserved."""
        return self._new.bound_nano_usd if self._new is not None and self._gate.reserves_bounds else None

    async def reserve(self) -> Set[str] | None:
        """Writes the call and reserves what it can cost. Raises PermissionDenied, or the ledger's refusal."""
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
                _add_details(error, plan, new)
            raise

    async def settle(self, record: CallRecord) -> None:
        """Writes what the call used, if it was written before."""
        if self._new is not None:
            await self._gate.books.settle(call_end(self.entry_id, self._new.started_at, record))


def _add_details(error: RelayError, plan: Plan, call: NewCall) -> None:
    """Adds details to a refusal that the ledger does not know."""
    if isinstance(error, PriceUnknown):
        error.args = (unknown_price_text(plan.estimates, "a budget limits this call"),)
    elif isinstance(error, BudgetExceeded) and call.bound_nano_usd is not None:
        error.args = (f"{error.message}; this call can cost up to {dollars(call.bound_nano_usd)}",)
