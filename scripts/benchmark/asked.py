"""What a load asks of the stand-in provider, told by the model's name, and the mark that each token has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

MARK = b"w0rd"
"""Stands once in each token, and nowhere else on the wire: tokens are counted by it, whatever the framing."""

OWN_DELAY = re.compile(rb"w0rd after (\d+) ns")
"""The first token of a stream: how long the provider itself took, from the request to this token, in nanoseconds."""

_NAME = re.compile(rb"bench-n(\d+)-d(\d+)-i(\d+)(-call)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An answer to be given."""

    tokens: int
    delay_ms: int = 0
    """Before the first token of a stream."""
    interval_ms: int = 0
    """Between two tokens of a stream; 0: as fast as they are taken."""
    is_call: bool = False
    """Whether the tokens of a stream are the arguments of a tool call."""

    @property
    def model(self) -> str:
        """The model's name that asks for this."""
        return f"bench-n{self.tokens}-d{self.delay_ms}-i{self.interval_ms}{'-call' * self.is_call}"

    @classmethod
    def read(cls, request: bytes) -> Self:
        """Finds the model's name in a request; raises ValueError if there is none."""
        found = _NAME.search(request)
        if found is None:
            raise ValueError("the model is not named bench-nTOKENS-dDELAY-iINTERVAL")
        tokens, delay_ms, interval_ms = (int(number) for number in found.groups()[:3])
        return cls(tokens=tokens, delay_ms=delay_ms, interval_ms=interval_ms, is_call=found[4] is not None)
