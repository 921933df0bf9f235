"""Signs alerts, so that a receiver can verify that this relay sent them."""

from __future__ import annotations

import hashlib
import hmac

HEADER = "Relay-Signature"


def signature(secret: str, body: bytes, *, at: int) -> str:
    """Returns the header value `t=UNIX,v1=HEX`: HEX is the HMAC-SHA-256 of `UNIX.body` with the secret.

    `at` is the time of this delivery in whole seconds since 1970, so that a receiver can refuse old deliveries.
    """
    signed = hmac.new(secret.encode(), b"%d.%s" % (at, body), hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"
