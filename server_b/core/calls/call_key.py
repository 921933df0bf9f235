"""What makes two requests the same one."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Delivery(enum.StrEnum):
    """How the caller wants the answer; the value is the method's name in the contract."""

    WHOLE = "Process"
    STREAM = "StreamProcess"


class Key(NamedTuple):
    """Under which a call runs, and its answer is kept."""

    caller: str
    request_id: str
    delivery: Delivery
