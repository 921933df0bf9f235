"""Names of the metadata of a call."""

from __future__ import annotations

import re
from collections.abc import Iterable

AUTHORIZATION = "authorization"
"""`Bearer TOKEN`, from the caller."""
ON_BEHALF_OF = "relay-on-behalf-of"
"""The name of the caller that a program calls for; accepted from RELAY_DELEGATES only."""
LOCAL = "relay-local"
"""Says that the caller that a program calls for has no token and is local; accepted from this machine only."""
REQUEST_ID = "relay-request-id"
"""In initial metadata, before the provider is called: the id by which the call can be cancelled."""
IGNORED = "relay-ignored"
"""In initial metadata: the options that have no effect at the provider, as comma-separated fields; absent: none."""
REQUIRED = "relay-required"
"""The options that must have an effect, as comma-separated fields. If one has none, the call is UNSUPPORTED."""
PROTOCOL = "relay-protocol"
"""How the request reached the program, one of PROTOCOLS. For the log and the ledger only: it can be untrue."""
PROTOCOLS = frozenset(("grpc", "http", "openai", "mcp"))
RATES = "relay-rates"
"""In initial metadata, if the caller has rates: what is left of each, as `calls=LIMIT/REMAINING/RESET_SECONDS`."""
BODY_DIGEST = "relay-body-digest"
"""SHA-256 of the body of the client's request, in hex: a repeat of the request has the same."""
RETRY_COUNT = "relay-retry-count"
"""How many times the client has sent this request before: 0 at first."""
READ_TIMEOUT = "relay-read-timeout"
"""After how many seconds of silence the client gives up."""

_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,128}")

Metadata = tuple[tuple[str, str], ...]


def call_metadata(token: str, on_behalf_of: str = "", protocol: str = "") -> Metadata:
    """Returns the metadata that a caller sends, without empty values."""
    pairs = ((AUTHORIZATION, f"Bearer {token}" if token else ""), (ON_BEHALF_OF, on_behalf_of), (PROTOCOL, protocol))
    return tuple((key, value) for key, value in pairs if value)


MOST_NAMES = 20


def names_of(value: str | None) -> tuple[str, ...]:
    """Reads comma-separated names."""
    return tuple(name for name in (value or "").split(",") if name)


def value_of(names: Iterable[str]) -> str:
    """Returns comma-separated names, at most MOST_NAMES, without names that metadata cannot contain."""
    return ",".join([name for name in dict.fromkeys(names) if _NAME.fullmatch(name)][:MOST_NAMES])


def first_value(metadata: Iterable[tuple[str, str | bytes]] | None, key: str) -> str | None:
    """Returns the first text value of `key`, or None."""
    for name, value in metadata or ():
        if name == key and isinstance(value, str):
            return value
    return None
