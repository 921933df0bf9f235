"""The gate that a call passes before and after the provider is asked: the place of a ledger."""

from __future__ import annotations

from typing import Protocol

from server_b.core.call import Call
from server_b.core.record import CallRecord


class Reservation(Protocol):
    """What a gate set aside for one call."""

    async def settle(self, record: CallRecord) -> None:
        """Replaces what was set aside by what the call took; the caller is told the end afterwards."""
        ...


class Gate(Protocol):
    """Decides whether a provider may be asked."""

    async def reserve(self, call: Call) -> Reservation:
        """Sets aside what the call may take; raises the RelayError that it fails with if it may not be made."""
        ...


class _Nothing:
    async def settle(self, record: CallRecord) -> None:
        """Has nothing to settle."""


class OpenGate:
    """Lets every call pass."""

    async def reserve(self, call: Call) -> Reservation:  # noqa: ARG002 - any call
        """Sets nothing aside."""
        return _NOTHING


_NOTHING = _Nothing()
