"""The gate that a call passes before and after the provider is asked. A ledger implements it."""

from __future__ import annotations

from collections.abc import Set
from typing import Protocol

from server_b.core.calls.call import Call
from server_b.core.calls.record import CallRecord


class Reservation(Protocol):
    """One call's passage through the gate: `reserve` once, then `settle` once, whatever has happened in between."""

    @property
    def entry_id(self) -> str:
        """The gate's id of the call; empty if it gives none."""
        ...

    @property
    def bound_nano_usd(self) -> int | None:
        """The most that the call should cost; None: not known."""
        ...

    async def reserve(self) -> Set[str] | None:
        """Reserves what the call may cost. Returns the names of the providers that may be asked; None: all.

        Raises the RelayError that the call fails with if it is not allowed. May be cancelled at any moment.
        """
        ...

    async def settle(self, record: CallRecord) -> None:
        """Replaces the reservation by what the call cost. The caller is told the end afterwards.

        Is called even if `reserve` raised or was cancelled, and is not cancelled itself.
        """
        ...


class Gate(Protocol):
    """Decides whether a provider may be asked."""

    @property
    def is_ready(self) -> bool:
        """Whether calls can pass."""
        ...

    def open(self, call: Call) -> Reservation:
        """Begins a call's passage through the gate; reserves nothing yet."""
        ...

    def note_joined(self, entry_id: str) -> None:
        """Records that one more request got this call's answer."""
        ...


class _Nothing:
    entry_id = ""
    bound_nano_usd = None

    async def reserve(self) -> None:
        """Reserves nothing."""

    async def settle(self, record: CallRecord) -> None:
        """Settles nothing."""


class OpenGate:
    """Lets every call pass."""

    is_ready = True

    def open(self, call: Call) -> Reservation:  # noqa: ARG002 - any call
        """Returns a reservation that does nothing."""
        return _NOTHING

    def note_joined(self, entry_id: str) -> None:
        """Records nothing."""


_NOTHING = _Nothing()
