"""The gate for LEDGER=off. It writes nothing, but enforces the limit that a request sets itself."""

from __future__ import annotations

from collections.abc import Mapping

from server_b.accounting.ledger_gate import LedgerGate
from server_b.core.calls.call import Call
from server_b.core.runner.gate import OpenGate, Reservation
from server_b.ledger.base import Policy
from server_b.ledger.entries import CallEnd, NewCall, Reserved
from server_b.pricing.price_list import PriceList
from server_b.providers.base import Provider

_NO_BUDGET = Reserved(is_under_budget=False)


class GateWithoutLedger(OpenGate):
    """Refuses calls that can cost more than their own max_cost_nano_usd."""

    def __init__(self, provider: Provider, prices: Mapping[str, PriceList]) -> None:
        """`prices` are price lists by provider name; `provider` is the provider that calls ask."""
        self._limited = LedgerGate(_NoBooks(), provider, prices)

    def open(self, call: Call) -> Reservation:
        """Checks a call that has a limit of its own; lets every other call pass."""
        has_limit = call.prompt.options.max_cost_nano_usd is not None
        return self._limited.open(call) if has_limit else super().open(call)


class _NoBooks:
    is_writable = True
    policy = Policy(revision=0)

    async def reserve(self, call: NewCall) -> Reserved:
        if call.refusal is not None:
            raise call.refusal
        return _NO_BUDGET

    async def settle(self, end: CallEnd) -> None:
        """Writes nothing."""

    def note_joined(self, call_id: str) -> None:
        """Records nothing."""

    async def refresh(self) -> None:
        """Reads nothing."""
