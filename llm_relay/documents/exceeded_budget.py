"""The budget that refused a call, as JSON."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated

from pydantic import Field

# Before Python 3.12 pydantic cannot read typing.TypedDict.
from typing_extensions import TypedDict

from llm_relay.errors import BudgetExceeded


class BudgetStateDocument(TypedDict):
    """A budget that has no room for a call."""

    scope: Annotated[str, Field(description="`caller:NAME`, `tag:KEY=VALUE`, or `call`: the request's own limit")]
    limit_nano_usd: int
    spent_nano_usd: Annotated[int, Field(description="In the current window")]
    reserved_nano_usd: Annotated[int, Field(description="By running calls")]
    resets_at: Annotated[str | None, Field(description="When the next window begins; null: never")]


def budget_state_document(error: BudgetExceeded) -> BudgetStateDocument:
    """Returns the budget in the error."""
    at = error.resets_at
    return {
        "scope": error.scope,
        "limit_nano_usd": error.limit_nano_usd,
        "spent_nano_usd": error.spent_nano_usd,
        "reserved_nano_usd": error.reserved_nano_usd,
        "resets_at": at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None,
    }
