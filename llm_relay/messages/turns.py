"""Turns of a conversation."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from llm_relay.messages.parts import Part


class Role(enum.Enum):
    """Who spoke in a turn."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    """Instructions within the history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One earlier turn of the conversation. It has text or parts, not both."""

    role: Role
    text: str = ""
    parts: tuple[Part, ...] = ()
