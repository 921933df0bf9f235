"""How a receiver knows that an alert comes from this relay."""

from __future__ import annotations

import hashlib
import hmac

HEADER = "Relay-Signature"


def signature(secret: str, body: bytes, *, at: int) -> str:
    """Returns the header's value `t=UNIX,v1=HEX`: HMAC-SHA-256 with the secret over `UNIX.body`.

    `at` is the time of this delivery in whole seconds since 1970, so that a receiver can refuse old ones.
    """
    signed = hmac.new(secret.encode(), b"%d.%s" % (at, body), hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"
