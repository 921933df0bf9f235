"""What every door returns: documents, texts as they arrive, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Document = dict[str, Any]
OnText = Callable[[str], None]


class Refusal(Exception):
    """The error that a door returned instead of an answer."""

    def __init__(self, reason: str, text: str, request_id: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason
        self.text = text
        self.request_id = request_id
        self.retry_after_s = retry_after_s
