"""Logs that a server's own certificate is not valid now. Clients refuse it, and most of their users only see that."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime

from llm_relay.tls.certificate_files import Certificate, certificate
from llm_relay.tls.pem import shown_path

REPEATED_S = 3600.0
"""How often the line is repeated while clients try to connect."""

logger = logging.getLogger("relay.tls")


class ValidityLog:
    """Checks one certificate, at the start and at each handshake."""

    def __init__(self, setting: str, cert_file: str, key_file: str) -> None:
        """`setting` is the name of the setting that has `cert_file`."""
        self._setting = setting
        self._files = (cert_file, key_file)
        self._certificate: Certificate | None = None
        self._silent_until = 0.0
        self.read()

    def read(self) -> None:
        """Reads the certificate, again once it was renewed. One whose validity cannot be read is not checked."""
        try:
            self._certificate = certificate(*self._files)
        except (OSError, KeyError, ValueError):
            self._certificate = None
        self._silent_until = 0.0

    def check(self) -> None:
        """Logs an error if the certificate is not valid now, at most once in REPEATED_S."""
        fault = self._certificate.fault(datetime.now(UTC)) if self._certificate else ""
        if fault and time.monotonic() >= self._silent_until:
            self._silent_until = time.monotonic() + REPEATED_S
            logger.error("%s: %s %s. Until then clients refuse it", self._setting, shown_path(self._files[0]), fault)
