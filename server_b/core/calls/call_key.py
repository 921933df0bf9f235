"""The key of a call: two requests with the same key are the same request."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Delivery(enum.StrEnum):
    """How the caller wants the answer; the value is the method's name in the contract."""

    WHOLE = "Process"
    STREAM = "StreamProcess"


class Key(NamedTuple):
    """Identifies a running call, and later its kept answer."""

    caller: str
    request_id: str
    delivery: Delivery
