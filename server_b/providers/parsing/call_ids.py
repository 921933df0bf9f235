"""Makes the ids of an answer's tool calls unique."""

from __future__ import annotations

import uuid


class CallIds:
    """Gives every call of one answer an id of its own, because a tool's result names its call by the id."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def own(self, given: str) -> str:
        """Returns the provider's id, or a new one if the id is blank or belongs to another call."""
        if not given.strip() or given in self._given:
            given = f"call_{uuid.uuid4().hex}"
        self._given.add(given)
        return given
