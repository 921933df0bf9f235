"""Reads certificate files: which names they cover, and when they expire."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME, which Python does not name."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The names and the validity of a certificate."""

    names: tuple[str, ...]
    """The host names and addresses that it covers."""
    begins: datetime
    ends: datetime

    def fault(self, now: datetime) -> str:
        """Returns why it cannot be used now, or "" if it can."""
        if now > self.ends:
            return f"expired on {self.ends:%Y-%m-%d %H:%M} UTC: renew it"
        if now < self.begins:
            return f"is not valid before {self.begins:%Y-%m-%d %H:%M} UTC: check the clock"
        return ""


def certificate(cert_file: str, key_file: str, *, of_client: bool = False) -> Certificate:
    """Reads a certificate as a peer would see it, in a handshake with itself. Raises OSError if it cannot be used."""
    client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client.check_hostname = False
    client.verify_mode, server.verify_mode = ssl.CERT_NONE, ssl.CERT_NONE
    for end in (client, server):
        end.load_cert_chain(cert_file, key_file, password="")
    verifier = server if of_client else client
    verifier.load_verify_locations(cert_file)
    verifier.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    verifier.verify_mode = ssl.CERT_REQUIRED
    client_end, server_end = _handshake(client, server)
    return _certificate((server_end if of_client else client_end).getpeercert() or {})


def _handshake(client: ssl.SSLContext, server: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True)
    for end in (*ends, *ends):
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()
    return ends


def authorities(path: str) -> list[Certificate]:
    """Reads the authorities in a PEM file. Raises OSError if it contains none that can be read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path)
    return [_certificate(found) for found in context.get_ca_certs()]


def _certificate(found: dict[str, Any]) -> Certificate:
    return Certificate(
        names=tuple(name for _, name in found.get("subjectAltName", ())),
        begins=_time(found["notBefore"]),
        ends=_time(found["notAfter"]),
    )


def _time(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)
