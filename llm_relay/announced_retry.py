"""What a client SDK announces about its own timeout and retries, and how that is sent to Server B."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from llm_relay.metadata import BODY_DIGEST, READ_TIMEOUT, RETRY_COUNT, Metadata, first_value

MOST_RETRIES = 1000
_DIGEST = re.compile(r"[0-9a-f]{64}")
_COUNT = re.compile(r"[0-9]{1,4}")
_SECONDS = re.compile(r"[0-9.eE+-]{1,32}")


@dataclass(frozen=True, slots=True)
class ClientRetry:
    """Identifies a repeated request, and says when the client gives up and repeats it."""

    body_digest: str
    """SHA-256 of the raw request body: 64 lowercase hex digits."""
    retry_count: int = 0
    """How many times the client has sent the request before, 0 to 1000."""
    read_timeout_s: float | None = None
    """After how many seconds of silence the client gives up; None: unknown."""

    def __post_init__(self) -> None:
        """Raises ValueError naming the bad field."""
        if not _DIGEST.fullmatch(self.body_digest):
            raise ValueError("body_digest: give a SHA-256 as 64 lowercase hex digits")
        if not 0 <= self.retry_count <= MOST_RETRIES:
            raise ValueError(f"retry_count: give a number from 0 to {MOST_RETRIES}")
        if self.read_timeout_s is not None and not 0 < self.read_timeout_s < math.inf:
            raise ValueError("read_timeout_s: give a number of seconds above 0, or None")

    @classmethod
    def read(cls, body_digest: str, *, retry_count: str | None = None, read_timeout: str | None = None) -> Self | None:
        """Reads what a client sent as text. A bad count is 0, a bad timeout is unknown, a bad digest gives None."""
        digest = body_digest.lower()
        if not _DIGEST.fullmatch(digest):
            return None
        return cls(digest, _count(retry_count or ""), _seconds(read_timeout or ""))

    @classmethod
    def from_metadata(cls, metadata: Iterable[tuple[str, str | bytes]] | None) -> Self | None:
        """Reads the metadata of a call. Returns None if it has no valid digest."""
        digest = first_value(metadata, BODY_DIGEST)
        if digest is None:
            return None
        return cls.read(
            digest, retry_count=first_value(metadata, RETRY_COUNT), read_timeout=first_value(metadata, READ_TIMEOUT)
        )

    @property
    def metadata(self) -> Metadata:
        """The metadata that is sent to Server B."""
        pairs = ((BODY_DIGEST, self.body_digest), (RETRY_COUNT, str(self.retry_count)))
        return pairs if self.read_timeout_s is None else (*pairs, (READ_TIMEOUT, repr(float(self.read_timeout_s))))


def _count(text: str) -> int:
    count = int(text) if _COUNT.fullmatch(text) else 0
    return count if count <= MOST_RETRIES else 0


def _seconds(text: str) -> float | None:
    if not _SECONDS.fullmatch(text):
        return None
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 < seconds < math.inf else None
