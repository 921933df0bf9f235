"""The ids of an answer's tool calls."""

from __future__ import annotations

import uuid


class CallIds:
    """Gives every call of one answer an id that no other has, because a result names its call by it."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def own(self, given: str) -> str:
        """Returns the provider's id, or a new one where it gave none or has given it to another call."""
        if not given.strip() or given in self._given:
            given = f"call_{uuid.uuid4().hex}"
        self._given.add(given)
        return given
