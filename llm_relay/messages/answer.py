"""A whole answer."""

from __future__ import annotations

from dataclasses import dataclass

from llm_relay.messages.events import Finished
from llm_relay.messages.parts import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer."""

    request_id: str
    text: str
    provider: str
    finished: Finished
    parts: tuple[Part, ...] = ()
    """The whole output in order; empty if it is only text."""
