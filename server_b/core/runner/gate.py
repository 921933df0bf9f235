"""The gate that a call passes before and after the provider is asked: the place of a ledger."""

from __future__ import annotations

from collections.abc import Set
from typing import Protocol

from server_b.core.calls.call import Call
from server_b.core.calls.record import CallRecord


class Reservation(Protocol):
    """One call's way through the gate: `reserve` once, then `settle` once, whatever has happened between them."""

    @property
    def entry_id(self) -> str:
        """The gate's own name of the call; empty: it keeps none."""
        ...

    async def reserve(self) -> Set[str] | None:
        """Sets aside what the call may take; returns the names of the providers that may be asked, None: all.

        Raises the RelayError that the call fails with if it may not be made. May be cancelled at any moment.
        """
        ...

    async def settle(self, record: CallRecord) -> None:
        """Replaces what was set aside by what the call took; the caller is told the end afterwards.

        It comes also where `reserve` was refused or cancelled, and is not cancelled itself.
        """
        ...


class Gate(Protocol):
    """Decides whether a provider may be asked."""

    @property
    def is_ready(self) -> bool:
        """Whether calls can pass."""
        ...

    def open(self, call: Call) -> Reservation:
        """Begins a call's way through the gate; nothing is set aside yet."""
        ...

    def note_joined(self, entry_id: str) -> None:
        """One more request was given this call's answer."""
        ...


class _Nothing:
    entry_id = ""

    async def reserve(self) -> None:
        """Sets nothing aside."""

    async def settle(self, record: CallRecord) -> None:
        """Has nothing to settle."""


class OpenGate:
    """Lets every call pass."""

    is_ready = True

    def open(self, call: Call) -> Reservation:  # noqa: ARG002 - any call
        """Returns the one reservation of nothing."""
        return _NOTHING

    def note_joined(self, entry_id: str) -> None:
        """Counts nothing."""


_NOTHING = _Nothing()
