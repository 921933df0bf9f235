"""The ids that calls have in the ledger."""

from __future__ import annotations

import os
import time

_VERSION_7 = 7 << 76
_VARIANT = 2 << 62
_RANDOM_A, _RANDOM_B = 0xFFF, (1 << 62) - 1


def new_call_id() -> str:
    """Returns a new UUIDv7 (RFC 9562). An id sorts after all ids of earlier milliseconds."""
    random = int.from_bytes(os.urandom(10))
    value = time.time_ns() // 1_000_000 << 80 | _VERSION_7 | _VARIANT
    value |= (random >> 62 & _RANDOM_A) << 64 | random & _RANDOM_B
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
