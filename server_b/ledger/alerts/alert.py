"""The content of an alert, as JSON that Slack accepts too."""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import orjson

from llm_relay.amounts import NANO_USD_PER_USD, dollars

_PERIODS: Final = {"day": "today", "week": "this week", "month": "this month", "total": "in total"}


class DeliveryFailed(Exception):
    """The receiver did not accept an alert. The message says why, without the URL, whose path can be a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A budget reached a share of its limit."""

    id: str
    """The same in every delivery of this alert, so that a receiver can drop duplicates."""
    budget_id: str
    scope: str
    """`caller:NAME` or `tag:KEY=VALUE`."""
    period: str
    time_zone: str
    threshold_percent: int
    limit_nano_usd: int
    """Includes the raise that was in force when the threshold was reached."""
    spent_nano_usd: int
    starts_at: datetime | None
    """When the window starts; None: the period is total."""
    resets_at: datetime | None
    is_warning_only: bool
    at: datetime

    @property
    def text(self) -> str:
        """One line for people."""
        spent, limit = _dollars(self.spent_nano_usd), _dollars(self.limit_nano_usd)
        when = _PERIODS.get(self.period, self.period)
        return (
            f"Budget of {self.scope}: {spent} of {limit} spent {when}, {self.threshold_percent} % or more{self._then}"
        )

    @property
    def _then(self) -> str:
        if self.threshold_percent < 100:
            return "."
        if self.is_warning_only:
            return ". This budget only warns: calls continue."
        return ". Calls are refused until the limit is raised" + (" or the period ends." if self.resets_at else ".")

    def body(self) -> bytes:
        """Returns the JSON: `text` for Slack, with the facts beside it."""
        return orjson.dumps(
            {
                "text": html.escape(self.text, quote=False),  # Slack reads <!channel> and the like
                "type": "budget.threshold",
                "id": self.id,
                "budget_id": self.budget_id,
                "scope": self.scope,
                "period": self.period,
                "time_zone": self.time_zone,
                "threshold_percent": self.threshold_percent,
                "limit_nano_usd": self.limit_nano_usd,
                "spent_nano_usd": self.spent_nano_usd,
                "is_warning_only": self.is_warning_only,
                "starts_at": self.starts_at,
                "resets_at": self.resets_at,
                "at": self.at,
            },
            option=orjson.OPT_UTC_Z,
        )


def _dollars(nano_usd: int) -> str:
    """Formats dollars and cents. Amounts below a dollar get every digit, so that a small budget does not look spent."""
    is_small = nano_usd < NANO_USD_PER_USD and nano_usd % (NANO_USD_PER_USD // 100)
    return dollars(nano_usd) if is_small else f"${Decimal(nano_usd) / NANO_USD_PER_USD:,.2f}"
