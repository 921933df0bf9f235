"""What a load requests from the stand-in provider, encoded in the model's name, and the mark in each token."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

MARK = b"w0rd"
"""Occurs once in each token and nowhere else on the wire, so that tokens can be counted in any framing."""

OWN_DELAY = re.compile(rb"w0rd after (\d+) ns")
"""The first token of a stream. It contains the provider's own time from the request to this token, in nanoseconds."""

_NAME = re.compile(rb"bench-n(\d+)-d(\d+)-i(\d+)(-call)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The requested answer."""

    tokens: int
    delay_ms: int = 0
    """The delay before the first token of a stream."""
    interval_ms: int = 0
    """The time between two tokens of a stream; 0: as fast as they are read."""
    is_call: bool = False
    """Whether the tokens of a stream are the arguments of a tool call."""

    @property
    def model(self) -> str:
        """The model's name that requests this answer."""
        return f"bench-n{self.tokens}-d{self.delay_ms}-i{self.interval_ms}{'-call' * self.is_call}"

    @classmethod
    def read(cls, request: bytes) -> Self:
        """Finds the model's name in a request. Raises ValueError if there is none."""
        found = _NAME.search(request)
        if found is None:
            raise ValueError("the model is not named bench-nTOKENS-dDELAY-iINTERVAL")
        tokens, delay_ms, interval_ms = (int(number) for number in found.groups()[:3])
        return cls(tokens=tokens, delay_ms=delay_ms, interval_ms=interval_ms, is_call=found[4] is not None)
