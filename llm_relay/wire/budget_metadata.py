"""A budget that has no room, as the metadata of google.rpc.ErrorInfo, and back."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from llm_relay.errors import BudgetExceeded

_AMOUNTS = ("limit_nano_usd", "spent_nano_usd", "reserved_nano_usd")
_RESETS_AT = "resets_at"


def budget_metadata(error: BudgetExceeded) -> dict[str, str]:
    """Returns the error's details of the budget. `resets_at` is RFC 3339 in UTC, and is left out if there is none."""
    metadata = {"scope": error.scope, **{name: str(getattr(error, name)) for name in _AMOUNTS}}
    if error.resets_at is not None:
        metadata[_RESETS_AT] = error.resets_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return metadata


def budget_details(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Returns the arguments of BudgetExceeded. Missing or malformed ones are left out."""
    details: dict[str, Any] = {"scope": metadata.get("scope", "")}
    for name in _AMOUNTS:
        with contextlib.suppress(ValueError):
            details[name] = int(metadata.get(name, ""))
    with contextlib.suppress(ValueError):
        details[_RESETS_AT] = datetime.fromisoformat(metadata.get(_RESETS_AT, "")).astimezone(UTC)
    return details
